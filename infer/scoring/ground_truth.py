"""The annotations that predictions are scored against, in pixels of the original images."""

from pathlib import Path
from typing import Any

from grounding.boxes import Box, Size
from grounding.card import Card
from grounding.errors import UserError
from grounding.files import read_json
from grounding.layout import ANNOTATIONS_FILE
from grounding.samples import Detection


def keep_predicted(
    annotations: dict[str, Any], predicted: set[int], predictions_path: Path, *, is_limited: bool
) -> None:
    """Leave the annotations of the predicted images, which must be all unless a limit was set.

    Raises:
        UserError: images without a prediction, or predictions of unknown images.
    """
    every = {image["id"] for image in annotations["images"]}
    if unknown := sorted(predicted - every):
        raise UserError(
            f"{predictions_path}: {len(unknown)} images, the first image_id {unknown[0]}, are not in "
            f"{ANNOTATIONS_FILE}: these predictions were made on another data set"
        )
    if missing := sorted(every - predicted):
        if not is_limited:
            raise UserError(
                f"{predictions_path}: {len(missing)} of {len(every)} images have no prediction, the first is "
                f"image_id {missing[0]}: run `python -m infer` to the end, or write a row without detections "
                "for an image in which nothing was found"
            )
        annotations["images"] = [image for image in annotations["images"] if image["id"] in predicted]
        annotations["annotations"] = [
            item for item in annotations["annotations"] if item["image_id"] in predicted
        ]


def read_annotations(path: Path) -> dict[str, Any]:
    """Read COCO's JSON of instances.

    Raises:
        UserError: no such file, or another form.
    """
    annotations = read_json(path)
    keys = {
        "images": ("id",),
        "annotations": ("id", "image_id", "category_id", "bbox"),
        "categories": ("id",),
    }
    try:
        lacking = [
            f"{name}[{number}].{key}"
            for name, wanted in keys.items()
            for number, item in enumerate(annotations[name])
            for key in wanted
            if key not in item
        ]
    except (KeyError, TypeError) as error:
        raise UserError(f"{path}: not COCO annotations ({error!r}): prepare the data set again") from error
    if lacking:
        raise UserError(f"{path}: no {lacking[0]}: not COCO annotations, prepare the data set again")
    return dict(annotations)


def objects_by_image(
    annotations: dict[str, Any], card: Card
) -> tuple[dict[int, list[Detection]], dict[int, list[Detection]]]:
    """Return each image's single objects, and its crowd regions.

    Objects that were asked for by an expression have the expression as label, as the answer has.
    """
    names = {category.id: category.name for category in card.categories}
    expressions = asked_expressions(annotations, card)
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


def asked_expressions(annotations: dict[str, Any], card: Card) -> dict[int, str]:
    """Return the referring expression of each image entry that asks for one, not for categories."""
    names = {category.name for category in card.categories}
    asked = {image["id"]: image.get("asked") for image in annotations["images"]}
    return {image_id: text for image_id, text in asked.items() if text is not None and text not in names}


def image_sizes(annotations: dict[str, Any]) -> dict[int, Size]:
    """Return the sizes of the images, where the annotations tell them."""
    return {
        image["id"]: Size(image["width"], image["height"])
        for image in annotations["images"]
        if "width" in image and "height" in image
    }


def true_names(annotations: dict[str, Any], card: Card) -> dict[int, str]:
    """Return the category of an object of each image that has any."""
    names = {category.id: category.name for category in card.categories}
    return {item["image_id"]: names[item["category_id"]] for item in annotations["annotations"]}
