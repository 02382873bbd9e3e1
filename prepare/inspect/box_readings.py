"""How well boxes fit their images under each order and units: the evidence for what a source writes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from grounding.boxes import BOX_ORDERS, Size
from grounding.images.box_check import FEWEST_MISFITS, SUSPICIOUS_SHARE, fits_image
from prepare.inspect.images_looked_at import ImageLookedAt
from prepare.source_types import BoxFormat

UNITS = ("pixels", "grid", "relative")


@dataclass(frozen=True)
class SampledBox:
    """The four numbers of a box as the source writes them, and the size of its image in pixels."""

    numbers: Sequence[float]
    size: Size


def sample_boxes(images: Iterable[ImageLookedAt]) -> list[SampledBox]:
    """Return the boxes of images whose size is beyond doubt.

    Images that EXIF turns count only with the size that their annotation states; boxes that are not four
    finite numbers are left out.
    """
    found = []
    for image in images:
        size = image.annotation.size or (None if image.is_turned else image.size)
        if size is None or image.fault is not None:
            continue
        for query in image.annotation.queries:
            for box in query.objects.boxes:
                numbers = _numbers(box)
                if numbers:
                    found.append(SampledBox(numbers, size))
    return found


def count_fitting(boxes: Sequence[SampledBox], form: BoxFormat) -> int:
    """Return how many boxes have an area and lie in their images; none if the numbers rule out the units."""
    largest = max((max(box.numbers) for box in boxes), default=0)
    if largest <= 1 and form.units != "relative":
        return 0
    return sum(fits_image(box.numbers, form.order, form.units, box.size) for box in boxes)


def is_plausible(fitting: int, boxes: int) -> bool:
    """Tell whether so few boxes do not fit that prepare would take the format."""
    return boxes - fitting < max(FEWEST_MISFITS, SUSPICIOUS_SHARE * boxes) and 2 * fitting > boxes


def fitting_orders(boxes: Sequence[SampledBox], units: str) -> list[BoxFormat]:
    """Return the orders in which all boxes fit their images, in these units; if none, nearly all."""
    return _best(boxes, [BoxFormat(order, units) for order in BOX_ORDERS])


def fitting_units(boxes: Sequence[SampledBox], order: str) -> list[BoxFormat]:
    """Return the units in which all boxes fit their images, in this order; if none, nearly all."""
    return _best(boxes, [BoxFormat(order, units) for units in UNITS])


def _best(boxes: Sequence[SampledBox], forms: Sequence[BoxFormat]) -> list[BoxFormat]:
    counts = {form: count_fitting(boxes, form) for form in forms}
    for wanted in (len(boxes), (1 - SUSPICIOUS_SHARE) * len(boxes)):
        if found := [form for form, count in counts.items() if count >= wanted]:
            return found
    return []


def describe_shares(boxes: Sequence[SampledBox], form: BoxFormat) -> str:
    """Say how many boxes lie in their images as a format states them, and what share in the other orders."""
    share = count_fitting(boxes, form) / len(boxes)
    others = [BoxFormat(order, form.units) for order in BOX_ORDERS if order != form.order]
    rest = (f"{count_fitting(boxes, each) / len(boxes):.0%} as {each.order}" for each in others)
    return (
        f"boxes: {form.order} in {form.units}: {share:.0%} of {len(boxes):,} looked at lie in their images "
        f"(read otherwise: {', '.join(rest)})"
    )


def _numbers(box: object) -> list[float]:
    try:
        numbers = [float(value) for value in box]  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        return []
    is_finite = len(numbers) == 4 and all(abs(number) < 1e12 for number in numbers)
    return numbers if is_finite else []
