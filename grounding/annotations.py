"""annotations_val.json: COCO annotations of the validation images, boxes in pixels of the original images.

Format: COCO instances (cocodataset.org/#format-data). An entry of `images` may also have `asked`, the
category or referring expression of its question, and `negative`, how an absent category was chosen.
"""

from pathlib import Path
from typing import Any

from grounding.boxes import Box, Size
from grounding.card import Card
from grounding.errors import UserError
from grounding.files import read_json
from grounding.samples import Detection

_REQUIRED_KEYS = {
    "images": ("id",),
    "annotations": ("id", "image_id", "category_id", "bbox"),
    "categories": ("id",),
}


def read_annotations(path: Path) -> dict[str, Any]:
    """Read COCO annotations.

    Raises:
        UserError: no such file, or a required key is missing.
    """
    annotations = read_json(path)
    try:
        missing = [
            f"{name}[{number}].{key}"
            for name, keys in _REQUIRED_KEYS.items()
            for number, item in enumerate(annotations[name])
            for key in keys
            if key not in item
        ]
    except (KeyError, TypeError) as error:
        raise UserError(f"{path}: not COCO annotations ({error!r}): prepare the data set again") from error
    if missing:
        raise UserError(f"{path}: no {missing[0]}: not COCO annotations, prepare the data set again")
    return dict(annotations)


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
