"""What a prepared data set holds and what was left out, as text."""

from collections.abc import Mapping

from grounding.card import Card


def describe(card: Card) -> str:
    """Return the counts of a data set as an aligned table, the drops by reason below it."""
    columns = list(next(iter(card.counts.values())))
    rows = [["", *(column.replace("_", " ") for column in columns)]]
    rows += [[split, *(f"{counts[column]:,}" for column in columns)] for split, counts in card.counts.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(text.rjust(w) for text, w in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    if card.dropped:
        width = max(len(f"{number:,}") for number in card.dropped.values())
        lines += [
            "left out:",
            *(f"  {number:>{width},}  {reason}" for reason, number in card.dropped.items()),
        ]
    else:
        lines.append("left out: nothing")
    return "\n".join(lines)


def describe_drops(dropped: Mapping[str, int]) -> str:
    """Return drops as one line."""
    return ", ".join(f"{reason} ({number})" for reason, number in sorted(dropped.items())) or "nothing"
