"""What a data set's card counts of candidates, as text."""

from collections.abc import Mapping

from grounding.tables import format_table

COUNTED = "candidate_"
"""What the names of counts of candidates begin with, in the card's counts of a split."""


def describe_candidates(counts: Mapping[str, Mapping[str, int]]) -> str:
    """Return a table of the counts of candidates of each split, and the ceiling; "" without any."""
    names = list(dict.fromkeys(name for own in counts.values() for name in own if name.startswith(COUNTED)))
    if not names:
        return ""
    header = ["candidates", *(name.removeprefix(COUNTED).replace("_", " ") for name in names), "ceiling"]
    rows = [
        [split, *(f"{own.get(name, 0):,}" for name in names), ceiling_text(own)]
        for split, own in counts.items()
    ]
    return format_table(header, rows)


def ceiling_text(counts: Mapping[str, int]) -> str:
    """Return the detector's recall at an IoU of 0.5, and that under any label."""
    objects = counts.get(f"{COUNTED}objects", 0)
    if not objects:
        return "-"
    found, found_any = (counts.get(f"{COUNTED}{name}", 0) / objects for name in ("found", "found_any"))
    return f"{found:.1%} (any label {found_any:.1%})"
