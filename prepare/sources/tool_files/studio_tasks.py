"""The tasks of a Label Studio export: which annotation of a task counts, and the boxes of its regions.

Source of the format: labelstud.io, "Export annotated data", "Raw JSON format of completed tasks" and "Units
of image annotations": x, y, width and height are percents of the image, and a rectangle is turned clockwise
around its top left corner. Masks: see `brush_runs`.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, urlsplit

from grounding.boxes import Size
from prepare.reasons import (
    ANNOTATION_SUPERSEDED,
    IMAGE_ONLY_PREDICTED,
    IMAGE_SKIPPED,
    REGION_ON_TURNED_VIEW,
    REGION_UNREADABLE,
    REGION_WITHOUT_BOX,
    REGION_WITHOUT_LABEL,
)
from prepare.sources.parts.named_values import agreed_values, named_values, only_choice
from prepare.sources.parts.object_texts import attribute_words, describe_attributes, stated_texts
from prepare.sources.parts.outlines import Corners, around_ellipse, around_points
from prepare.sources.shared.listed import IMAGE_SUFFIXES
from prepare.sources.shared.source_values import (
    BadValueError,
    brief_value,
    read_label,
    read_numbers,
    read_side,
)
from prepare.sources.tool_files.brush_runs import box_of_brush
from prepare.sources.tool_files.described_images import DescribedRegion

IMAGE_KEYS = ("image", "img", "picture", "photo", "url", "image_url")
"""Usual keys of the image in a task's data, the likeliest first."""


@dataclass(frozen=True)
class _Said:
    """What results say of a region: texts, attributes in words, and names with the only choice."""

    texts: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    values: tuple[Mapping[str, str], ...] = ()


def image_of(data: Any, where: str) -> str:
    """Return the image's path in a task's data, without what a storage or a server puts around it.

    Raises:
        BadValueError: none, or several that could be meant.
    """
    if not isinstance(data, dict):
        raise BadValueError(f"{where}.data: an object is needed, there is {brief_value(data)}")
    paths = {key: _path_in(value) for key, value in data.items() if isinstance(value, str) and value.strip()}
    images = [key for key, path in paths.items() if PurePosixPath(path).suffix.lower() in IMAGE_SUFFIXES]
    usual = [key for key in IMAGE_KEYS if key in (images or paths)]
    if not usual and len(images) != 1:
        raise BadValueError(
            f"{where}.data: which image is meant? It has {', '.join(map(repr, data)) or 'nothing'}: "
            "name one of them 'image'"
        )
    return paths[(usual or images)[0]]


def _path_in(value: str) -> str:
    r"""Return the path in "/data/local-files/?d=a/0.jpg", "s3://bucket/a/0.jpg" or "http://host/a/0.jpg"."""
    try:
        parts = urlsplit(value.strip())
    except ValueError:  # no address, although it looks like one
        return value
    if stored := parse_qs(parts.query).get("d"):
        return stored[0]
    if len(parts.scheme) > 1:  # a single letter is a drive of Windows
        return f"{parts.netloc}{parts.path}"
    return parts.path if value.startswith("/") and parts.query else value


def choose_annotation(task: Mapping[str, Any], where: str, left: Counter[str]) -> list[Any] | None:
    """Return the results of the annotation that counts: the ground truth, else the latest.

    None if there is none; the reason is counted in `left`. Predictions never count: nobody has checked them.

    Raises:
        BadValueError: values of other types.
    """
    stated = task.get("annotations", task.get("completions"))
    annotations = [] if stated is None else stated
    if not isinstance(annotations, list) or not all(isinstance(each, dict) for each in annotations):
        raise BadValueError(f"{where}.annotations: a list of objects is needed")
    submitted = [each for each in annotations if not each.get("was_cancelled")]
    if not submitted:
        reason = IMAGE_ONLY_PREDICTED if task.get("predictions") and not annotations else IMAGE_SKIPPED
        if annotations or task.get("predictions"):
            left[reason] += 1
            return None
        return []
    truths = [each for each in submitted if each.get("ground_truth") is True]
    chosen = max(truths or submitted, key=lambda each: str(each.get("updated_at") or ""))
    if not chosen.get("updated_at"):
        chosen = (truths or submitted)[-1]
    left[ANNOTATION_SUPERSEDED] += len(submitted) - 1
    results = chosen.get("result")
    if not isinstance(results, list) or not all(isinstance(each, dict) for each in results):
        raise BadValueError(f"{where}.annotations: `result` has to be a list of objects")
    return results


def read_results(
    results: list[Any], where: str, longest: int, left: Counter[str]
) -> tuple[list[DescribedRegion], Size | None]:
    """Return the regions of an annotation, one for each of a region's labels, and the size of the image.

    Texts and choices of results with the id of a region are about it.

    Raises:
        BadValueError: values of other types.
    """
    labelled = {str(each.get("id")) for each in results if _labels_in(each.get("value"))}
    said = _said_of_regions(results)
    regions: list[DescribedRegion] = []
    size: Size | None = None
    for number, each in enumerate(results):
        place = f"{where}.result[{number}]"
        value = each.get("value")
        if not isinstance(value, dict) or not _is_shape(value):
            left[REGION_WITHOUT_BOX] += 1
            continue
        labels = _labels_in(value)
        if labels is None:
            if (
                "id" not in each or str(each["id"]) not in labelled
            ):  # else a second result has the labels of this region
                left[REGION_WITHOUT_LABEL] += 1
            continue
        names = [read_label(label, f"{place}.value", longest) for label in labels]
        sides = [read_side(each.get(key), f"{place}.{key}") for key in ("original_width", "original_height")]
        own = Size(sides[0], sides[1]) if sides[0] and sides[1] else None
        size = own or size
        if each.get("image_rotation"):
            left[REGION_ON_TURNED_VIEW] += 1
        elif own is None or (box := _box(value, own)) is None:
            left[REGION_UNREADABLE] += 1
        else:
            left[REGION_WITHOUT_LABEL] += sum(not name.strip() for name in names)
            about = said.get(str(each.get("id")), _Said()) if "id" in each else _Said()
            values = agreed_values(*about.values)
            regions += [
                DescribedRegion(
                    box,
                    name,
                    texts=(*about.texts, *describe_attributes(name, about.words)),
                    attributes=values,
                )
                for name in names
                if name.strip()
            ]
    return regions, size


def _said_of_regions(results: Sequence[dict[str, Any]]) -> dict[str, _Said]:
    """Return what is said of each region, by its id."""
    said: dict[str, _Said] = {}
    for each in results:
        value = each.get("value")
        if "id" not in each or not isinstance(value, dict):
            continue
        before = said.get(str(each["id"]), _Said())
        name = each.get("from_name")
        choices = value.get("choices")
        is_named = isinstance(name, str) and bool(name.strip())
        said[str(each["id"])] = _Said(
            (*before.texts, *stated_texts(value.get("text"))),
            (*before.words, *attribute_words({name: choices} if is_named else choices)),
            (*before.values, named_values({name: only_choice(choices)} if is_named else None)),
        )
    return said


def _labels_in(value: Any) -> list[Any] | None:
    """Return the labels of a region: the list under `rectanglelabels`, `labels`, ...; None without any."""
    if not isinstance(value, dict):
        return None
    lists = [each for key, each in value.items() if key.endswith("labels") and isinstance(each, list)]
    return next((each for each in lists if each), None)


def _is_shape(value: Mapping[str, Any]) -> bool:
    """Tell whether a region has an extent."""
    keys = ({"x", "y", "width", "height"}, {"points"}, {"x", "y", "radiusX", "radiusY"}, {"rle"})
    return any(each <= value.keys() for each in keys)


def _box(value: Mapping[str, Any], size: Size) -> Corners | None:
    """Return the box around a region, xyxy in pixels; None if it cannot be read."""
    across, down = size.width / 100, size.height / 100
    turn = _number(value.get("rotation") or 0)
    angle = math.radians(turn) if turn is not None and math.isfinite(turn) else math.nan
    if "rle" in value:
        return box_of_brush(value["rle"], size.width, size.height) or None
    if "points" in value:
        stated = value["points"]
        pairs = [read_numbers(point) for point in stated] if isinstance(stated, list) else []
        if not pairs or any(len(pair) != 2 for pair in pairs):
            return ()
        return around_points([x * across for x, _ in pairs], [y * down for _, y in pairs])
    keys = ("radiusX", "radiusY") if "radiusX" in value else ("width", "height")
    numbers = read_numbers([value.get(key) for key in ("x", "y", *keys)])
    if len(numbers) != 4:
        return ()
    x, y, width, height = (
        number * scale for number, scale in zip(numbers, (across, down, across, down), strict=True)
    )
    if "radiusX" in value:
        return around_ellipse(x, y, width, height, angle)
    if angle == 0:
        return x, y, x + width, y + height
    if not all(map(math.isfinite, (x, y, width, height, angle))):
        return (math.nan,) * 4
    cos, sin = math.cos(angle), math.sin(angle)
    corners = ((0.0, 0.0), (width, 0.0), (0.0, height), (width, height))
    return around_points(
        [x + right * cos - below * sin for right, below in corners],
        [y + right * sin + below * cos for right, below in corners],
    )


def _number(value: Any) -> float | None:
    return next(iter(read_numbers([value])), None)
