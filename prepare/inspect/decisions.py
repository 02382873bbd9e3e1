"""What the evidence decides about a source, and what only its owner can tell: recipe keys and questions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grounding.boxes import Box, read_box
from prepare.inspect.box_readings import (
    SampledBox,
    count_fitting,
    describe_shares,
    fitting_orders,
    fitting_units,
    is_plausible,
    sample_boxes,
)
from prepare.inspect.images_looked_at import ImageLookedAt
from prepare.inspect.survey import Survey
from prepare.source_types import BoxFormat, StatedBox

OPEN_UNITS, OPEN_ORDER = "records", "coco_parquet"
"""Kinds whose files leave something open: trainers write pixels or a grid in the same form, data sets on hubs
xyxy or xywh."""

ORDERS_IN_WORDS = {"xyxy": "two corners", "xywh": "corner, width, height", "cxcywh": "centre, width, height"}

UNITS_IN_WORDS = {
    "pixels": "pixels of the image",
    "grid": "0 to 1000 along each side, as Qwen3-VL writes",
    "relative": "0 to 1",
}


@dataclass(frozen=True)
class Decisions:
    """Recipe keys that the evidence sets, sentences about it, and questions that name their key."""

    keys: Mapping[str, Any] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()


def decide(kind: str, form: BoxFormat, survey: Survey, given: Mapping[str, Any]) -> Decisions:
    """Judge the boxes, the EXIF orientation and the crowds; keys in `given` are the user's and stay."""
    boxes = sample_boxes(survey.images)
    parts = [
        _decide_boxes(kind, form, boxes, given) if boxes else _stated_beside(survey),
        _decide_exif(survey.images, form, given),
        _decide_crowds(survey, given),
    ]
    return Decisions(
        {key: value for part in parts for key, value in part.keys.items()},
        tuple(text for part in parts for text in part.evidence),
        tuple(text for part in parts for text in part.questions),
    )


def _decide_boxes(
    kind: str, form: BoxFormat, boxes: Sequence[SampledBox], given: Mapping[str, Any]
) -> Decisions:
    shares = describe_shares(boxes, form)
    if kind == OPEN_UNITS and "source.units" not in given:
        return _decide_open(boxes, fitting_units(boxes, form.order), "units", shares)
    if kind == OPEN_ORDER and "source.boxes" not in given:
        return _decide_open(boxes, fitting_orders(boxes, form.units), "boxes", shares)
    if is_plausible(count_fitting(boxes, form), len(boxes)):
        return _count_from(boxes, form, given, shares)
    if {"source.boxes", "source.units"} & given.keys():
        return Decisions(evidence=(shares,))
    likelier = fitting_orders(boxes, form.units) or fitting_units(boxes, form.order)
    if len(likelier) == 1:
        best = likelier[0]
        keys = {"source.boxes": best.order, "source.units": best.units}
        return Decisions(keys, (f"{shares}: all fit as {best.order} in {best.units}",))
    if likelier:
        choices = ", or ".join(f"source.boxes={each.order} source.units={each.units}" for each in likelier)
        return Decisions(evidence=(shares,), questions=(f"the boxes fit in several ways: add {choices}",))
    return Decisions(evidence=(f"{shares}; no order and units fit all of them",))


def _stated_beside(survey: Survey) -> Decisions:
    stated = sum(
        isinstance(box, StatedBox)
        for image in survey.images
        for query in image.annotation.queries
        for box in query.objects.boxes
    )
    if not stated:
        return Decisions()
    return Decisions(evidence=(f"boxes: all {stated:,} looked at state their own units",))


def _decide_open(
    boxes: Sequence[SampledBox], fitting: Sequence[BoxFormat], key: str, shares: str
) -> Decisions:
    """Take the only reading in which all boxes fit; ask if there are several."""
    values = [each.units if key == "units" else each.order for each in fitting]
    if not values:
        return Decisions(evidence=(f"{shares}; no {key} fit all of them",))
    if len(values) == 1:
        return Decisions(
            {f"source.{key}": values[0]}, (f"{shares}: as {values[0]} alone all {len(boxes):,} fit",)
        )
    meaning = UNITS_IN_WORDS | ORDERS_IN_WORDS
    reach = ", ".join(
        f"{_reach(boxes, each):.0%} of the width as {value}"
        for each, value in zip(fitting, values, strict=True)
    )
    choices = ", or ".join(f"source.{key}={value} ({meaning[value]})" for value in values)
    return Decisions(
        questions=(
            f"all {len(boxes):,} boxes looked at fit as {' and as '.join(values)} (they reach {reach}), and "
            f"the files do not say which: add {choices}",
        )
    )


def _reach(boxes: Sequence[SampledBox], form: BoxFormat) -> float:
    """Return how far the boxes reach to the right at most, as a share of the width."""
    return max(_read(box, form).x2 / box.size.width for box in boxes)


def _count_from(
    boxes: Sequence[SampledBox], form: BoxFormat, given: Mapping[str, Any], shares: str
) -> Decisions:
    """Tell whether pixels are counted from 0, where the format counts from 1."""
    if form.units != "pixels_from_1" or "source.units" in given:
        return Decisions(evidence=(shares,))
    at_zero = sum(min(box.numbers[:2]) < 1 for box in boxes)
    if at_zero:
        text = f"{at_zero:,} of {len(boxes):,} boxes begin at 0, so pixels are counted from 0, not from 1"
        return Decisions({"source.units": "pixels"}, (shares, text))
    text = "no box begins at 0, so pixels are counted from 1 as in VOC; add source.units=pixels if not"
    return Decisions(evidence=(shares, text))


def _decide_exif(images: Sequence[ImageLookedAt], form: BoxFormat, given: Mapping[str, Any]) -> Decisions:
    turned = [image for image in images if image.is_turned and image.fault is None]
    if not turned or "exif" in given:
        return Decisions()
    views = {view for view in (_view(image, form) for image in turned) if view is not None}
    said = f"{len(turned):,} of {len(images):,} images looked at are turned by their EXIF orientation"
    if len(views) == 1:
        view = views.pop()
        return Decisions({"exif": view}, (f"{said}, and sizes and boxes fit the {view} view alone",))
    return Decisions(
        questions=(
            f"{said}, and nothing tells in which view the boxes were drawn: add exif=turned (as people see "
            "the picture), exif=stored (as the pixels lie in the file), or exif=drop (leave them out)",
        )
    )


def _view(image: ImageLookedAt, form: BoxFormat) -> str | None:
    """Return the only view that fits an image's stated size and boxes, None if neither or both do."""
    stored, stated = image.size, image.annotation.size
    if stored is None or form.units not in ("pixels", "pixels_from_1"):
        return None
    upright = stored.turned(image.orientation)
    if upright == stored:
        return None
    boxes = [
        list(box)
        for query in image.annotation.queries
        for box in query.objects.boxes
        if len(box) == 4 and None not in box
    ]
    if stated == upright:
        return "turned"
    in_stored, in_upright = (
        count_fitting([SampledBox(box, size) for box in boxes], form) == len(boxes)
        for size in (stored, upright)
    )
    if boxes and in_stored != in_upright:
        return "stored" if in_stored else "turned"
    return None


def _decide_crowds(survey: Survey, given: Mapping[str, Any]) -> Decisions:
    if not survey.crowds or "source.crowds" in given:
        return Decisions()
    said = f"{survey.crowds:,} of {survey.boxes:,} boxes are marked as crowd or difficult"
    choice = "source.crowds=objects trains them"
    if survey.crowds == survey.boxes:
        return Decisions(questions=(f"{said}: {choice}; source.crowds=ignore leaves them out",))
    return Decisions(evidence=(f"{said} and left out; {choice}",))


def _read(box: SampledBox, form: BoxFormat) -> Box:
    return read_box(box.numbers, form.order, form.units, box.size)
