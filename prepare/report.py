"""What a prepared data set holds and what was left out, as text."""

from grounding.card import Card
from grounding.tables import format_table


def describe_card(card: Card) -> str:
    """Return the counts of a data set as a table, and below it the drops by reason."""
    columns = list(next(iter(card.counts.values())))
    header = ["", *(column.replace("_", " ") for column in columns)]
    rows = [[split, *(f"{counts[column]:,}" for column in columns)] for split, counts in card.counts.items()]
    text = format_table(header, rows)
    if not card.dropped:
        return f"{text}\nleft out: nothing"
    width = max(len(f"{number:,}") for number in card.dropped.values())
    drops = (f"  {number:>{width},}  {reason}" for reason, number in card.dropped.items())
    return "\n".join([text, "left out:", *drops])
