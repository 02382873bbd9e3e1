"""The report of an inspection, as lines of text."""

from collections import Counter
from collections.abc import Iterable, Sequence

from grounding.tables import format_table
from prepare.inspect.images_looked_at import ImageLookedAt
from prepare.inspect.survey import Survey
from prepare.reasons import REMEDIES
from prepare.sources.signs.sign import Sign

SHOWN_LABELS = 8


def describe_kind(sign: Sign) -> str:
    """Return what a folder is, with the evidence."""
    return "\n".join([f"source.kind={sign.kind}: {sign.evidence}", *sign.notes])


def describe_survey(survey: Survey, names: Sequence[str]) -> str:
    """Return the counts of the splits, and below them categories, images and what would be left out."""
    header = ["", "images", "without boxes", "boxes", "expressions"]
    rows = [
        [split, f"{found.images:,}", f"{found.empty:,}", f"{found.boxes:,}", f"{found.expressions:,}"]
        for split, found in survey.splits.items()
        if found.images or split == "train"
    ]
    if not any(found.expressions for found in survey.splits.values()):
        header, rows = header[:-1], [row[:-1] for row in rows]
    parts = [format_table(header, rows), _describe_labels(survey, names), describe_images(survey.images)]
    if not survey.splits["val"].images:
        parts.append("val: none in the source; val_ratio of the images is cut from train")
    return "\n".join([*filter(None, parts), *describe_drops(survey)])


def _describe_labels(survey: Survey, names: Sequence[str]) -> str:
    if not names and not survey.labels:
        return ""
    known = len(set(names) | set(survey.labels))
    shown = [f"{label} {count:,}" for label, count in survey.labels.most_common(SHOWN_LABELS)]
    more = len(survey.labels) - len(shown)
    unused = len(set(names) - set(survey.labels))
    text = f"categories ({known:,}): {', '.join(shown) or 'none has a box'}"
    text += f", and {more:,} more" if more > 0 else ""
    return text + (f"; {unused:,} without a box" if unused and shown else "")


def describe_images(images: Sequence[ImageLookedAt]) -> str:
    """Return formats and sizes of the images looked at, "" without any."""
    sizes = [image.size for image in images if image.size is not None]
    if not sizes:
        return ""
    kinds = Counter(image.kind for image in images if image.kind)
    formats = ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))
    smallest = min(sizes, key=lambda size: size.width * size.height)
    largest = max(sizes, key=lambda size: size.width * size.height)
    span = f"{smallest.width}x{smallest.height}"
    if largest != smallest:
        span += f" to {largest.width}x{largest.height}"
    return f"images: {span} pixels; {formats} (of {len(images):,} looked at)"


def describe_drops(survey: Survey) -> Iterable[str]:
    """Yield what preparing would leave out, with the remedies that a key offers."""
    faults = Counter(image.fault for image in survey.images if image.fault is not None)
    if not survey.dropped and not faults:
        yield "left out: nothing that annotations or headers tell"
        return
    yield "left out:"
    for reason, count in sorted(survey.dropped.items()):
        remedy = f" ({REMEDIES[reason]})" if reason in REMEDIES else ""
        yield f"  {count:,}  {reason}{remedy}"
    for fault, count in sorted(faults.items()):
        yield f"  {count:,} of {len(survey.images):,} images looked at  {fault}"
