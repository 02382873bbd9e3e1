"""annotations_val.json: COCO annotations of the validation images, boxes in pixels of the original images.

Format: COCO instances (cocodataset.org/#format-data). An entry of `images` may also have `asked`, the
category or referring expression of its question, and `negative`, how an absent category was chosen.
"""

import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from typing_extensions import NotRequired, TypedDict

from grounding.boxes import Box, Size
from grounding.card import Card
from grounding.errors import UserError
from grounding.files import check_types, read_json
from grounding.samples import Detection

LARGEST_SIDE = 1 << 31
"""Pixels: no image file format that the project reads has more."""


class _Image(TypedDict):
    id: int | str
    file_name: NotRequired[str]
    width: NotRequired[int]
    height: NotRequired[int]
    asked: NotRequired[str | None]


class _Annotation(TypedDict):
    id: int | str
    image_id: int | str
    category_id: int
    bbox: list[float]
    area: NotRequired[float]
    iscrowd: NotRequired[int]


class _Category(TypedDict):
    id: int
    name: NotRequired[str]


class _Annotations(TypedDict):
    """What the steps after `prepare` read of COCO annotations; more keys are allowed."""

    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


def read_annotations(path: Path) -> dict[str, Any]:
    """Read COCO annotations.

    Raises:
        UserError: no such file, a required key is missing, or a value of another type.
    """
    annotations = read_json(path)
    try:
        check_types(annotations, _Annotations)
        for problem in _bad_numbers(annotations):
            raise ValueError(problem)
    except ValueError as error:
        raise UserError(f"{path}: {error}: not COCO annotations, prepare the data set again") from error
    return dict(annotations)


def _bad_numbers(annotations: dict[str, Any]) -> Iterator[str]:
    """Yield what types do not tell: boxes of four finite numbers, and sizes that an image can have."""
    for position, item in enumerate(annotations["annotations"]):
        if len(item["bbox"]) != 4 or not all(map(_is_finite, item["bbox"])):
            yield f"annotations[{position}].bbox: four finite numbers are needed"
        if not _is_finite(item.get("area", 0)):
            yield f"annotations[{position}].area: a finite number is needed"
    if len({isinstance(image["id"], str) for image in annotations["images"]}) > 1:
        yield "images: some ids are numbers and some are texts"
    for position, image in enumerate(annotations["images"]):
        if not all(0 < image.get(side, 1) <= LARGEST_SIDE for side in ("width", "height")):
            yield f"images[{position}]: width and height have to be 1 to {LARGEST_SIDE} pixels"
        if not PurePosixPath(image.get("file_name", "image")).name:
            yield f"images[{position}].file_name: the path of a file is needed"


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number of more than 300 digits
        return False


def objects_by_image(
    annotations: dict[str, Any], card: Card
) -> tuple[dict[int, list[Detection]], dict[int, list[Detection]]]:
    """Return each image's single objects and each image's crowd regions, both by image id.

    The label of an object is its category. In a question about a referring expression the label is the
    expression, as in the answer.

    Raises:
        UserError: a category that is not on the card.
    """
    names = {category.id: category.name for category in card.categories}
    expressions = expressions_by_image(annotations, card)
    objects: dict[int, list[Detection]] = {}
    crowds: dict[int, list[Detection]] = {}
    for item in annotations["annotations"]:
        kind = crowds if item.get("iscrowd") else objects
        label = names.get(item["category_id"])
        if label is None:
            raise UserError(
                f"annotation {item['id']}: category {item['category_id']} is not on the card: prepare again"
            )
        label = expressions.get(item["image_id"], label)
        kind.setdefault(item["image_id"], []).append(Detection(label, Box.from_xywh(*item["bbox"])))
    return objects, crowds


def expressions_by_image(annotations: dict[str, Any], card: Card) -> dict[int, str]:
    """Return the referring expression of each image whose question is about one, by image id."""
    names = {category.name for category in card.categories}
    subjects = {image["id"]: image.get("asked") for image in annotations["images"]}
    return {image_id: text for image_id, text in subjects.items() if text is not None and text not in names}


def image_sizes(annotations: dict[str, Any]) -> dict[int, Size]:
    """Return the sizes of the images by image id; images without a size are left out."""
    return {
        image["id"]: Size(image["width"], image["height"])
        for image in annotations["images"]
        if "width" in image and "height" in image
    }


def category_by_image(annotations: dict[str, Any], card: Card) -> dict[int, str]:
    """Return the category of one object of each image, by image id; images without objects are left out."""
    names = {category.id: category.name for category in card.categories}
    return {item["image_id"]: names[item["category_id"]] for item in annotations["annotations"]}
