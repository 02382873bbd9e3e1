"""What a prepared data set holds and what was left out, as text."""

from grounding.card import Card
from grounding.tables import format_table
from prepare.questions.candidates.candidate_counts import COUNTED, describe_candidates


def describe_card(card: Card) -> str:
    """Return the counts of a data set as a table, and below it the drops by reason."""
    columns = [name for name in next(iter(card.counts.values())) if not name.startswith(COUNTED)]
    header = ["", *(column.replace("_", " ") for column in columns)]
    rows = [[split, *(f"{counts[column]:,}" for column in columns)] for split, counts in card.counts.items()]
    tables = [format_table(header, rows), describe_candidates(card.counts)]
    text = "\n".join(table for table in tables if table)
    if not card.dropped:
        return f"{text}\nleft out: nothing"
    width = max(len(f"{number:,}") for number in card.dropped.values())
    drops = (f"  {number:>{width},}  {reason}" for reason, number in card.dropped.items())
    return "\n".join([text, "left out:", *drops])
