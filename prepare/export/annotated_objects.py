"""The objects of the validation images: those of annotations_val.json, and those that a run predicted."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.boxes import Box, Size
from grounding.card import Card
from grounding.errors import UserError
from grounding.layout import ANNOTATIONS_FILE, dataset_of_predictions, find_predictions_file
from grounding.predictions.annotations import read_annotations
from grounding.predictions.prediction_rows import Prediction, read_predictions
from prepare.export import left_out
from prepare.export.export_types import ExportedObject
from prepare.export.exported_images import REPAIR
from prepare.export.record_objects import NamedObjects, join_objects


@dataclass(frozen=True)
class AskedExpression:
    """An entry of `images` in the annotations: a question about an image, with the objects that answer it.

    `expression` is the referring expression that it asks for, None if it asks for categories.
    """

    image: str
    size: Size | None
    expression: str | None
    objects: tuple[ExportedObject, ...]


def read_asked(dataset: Path, card: Card) -> dict[int, AskedExpression]:
    """Return the entries of annotations_val.json by id, boxes in original pixels.

    Raises:
        UserError: no such file, not COCO annotations, or an annotation of an unknown image or category.
    """
    path = dataset / ANNOTATIONS_FILE
    content = read_annotations(path)
    names = {category.id: category.name for category in card.categories}
    entries = {entry["id"]: entry for entry in content["images"]}
    objects: dict[Any, list[ExportedObject]] = defaultdict(list)
    for item in content["annotations"]:
        label = names.get(item["category_id"])
        if label is None or item["image_id"] not in entries:
            raise UserError(f"{path}: annotation {item['id']} has no image or category here: {REPAIR}")
        box = Box.from_xywh(*item["bbox"])
        if not box.has_area:
            raise UserError(f"{path}: annotation {item['id']} has a box without area: {REPAIR}")
        is_crowd = bool(item.get("iscrowd"))
        objects[item["image_id"]].append(ExportedObject(label, box, None, is_crowd, item.get("area")))
    return {
        number: _asked(path, entry, objects[number], set(names.values())) for number, entry in entries.items()
    }


def _asked(
    path: Path, entry: Mapping[str, Any], objects: list[ExportedObject], names: set[str]
) -> AskedExpression:
    if "file_name" not in entry:
        raise UserError(f"{path}: image {entry['id']} has no file_name: {REPAIR}")
    size = Size(entry["width"], entry["height"]) if {"width", "height"} <= entry.keys() else None
    asked = entry.get("asked")
    return AskedExpression(entry["file_name"], size, None if asked in names else asked, tuple(objects))


def check_sizes(asked: Iterable[AskedExpression], sizes: Mapping[str, Size], dataset: Path) -> None:
    """Check that the annotations were made for the images that are there.

    Raises:
        UserError: an image has another size.
    """
    for entry in asked:
        found = sizes[entry.image]
        if entry.size is not None and entry.size != found:
            raise UserError(
                f"{dataset / entry.image}: {found.width}x{found.height} pixels, annotated as "
                f"{entry.size.width}x{entry.size.height}: {REPAIR}"
            )


def true_objects(asked: Iterable[AskedExpression]) -> NamedObjects:
    """Return the objects of one image from all of its entries; an object of several entries is one object."""

    def parts(entry: AskedExpression) -> NamedObjects:
        if entry.expression is None:
            return NamedObjects(entry.objects)
        return NamedObjects((), tuple(_named(item, entry.expression) for item in entry.objects))

    return join_objects([parts(entry) for entry in asked])


def _named(item: ExportedObject, expression: str) -> ExportedObject:
    return ExportedObject(expression, item.box, item.score, item.is_crowd, item.area)


def read_run_answers(
    place: Path, dataset: Path, asked: Mapping[int, AskedExpression]
) -> dict[str, list[tuple[AskedExpression, Prediction]]]:
    """Return a run's predictions, each with its question, by image; `place` is the file or its folder.

    Raises:
        UserError: no predictions, of another split or data set, or a row that cannot be used.
    """
    path = find_predictions_file(place)
    if not path.is_file():
        raise UserError(f"{path}: no such file: run `python -m infer` first")
    dataset_of_predictions(path, dataset)  # refuses the answers about another split
    found: dict[str, list[tuple[AskedExpression, Prediction]]] = {}
    for prediction in read_predictions(path):
        if prediction.image_id not in asked:
            raise UserError(
                f"{path}: image_id {prediction.image_id} is not in {dataset / ANNOTATIONS_FILE}: these "
                "predictions were made on another data set"
            )
        entry = asked[prediction.image_id]
        found.setdefault(entry.image, []).append((entry, prediction))
    if not found:
        raise UserError(f"{path}: no prediction in it: run `python -m infer` again")
    return found


def predicted_objects(
    answers: Iterable[tuple[AskedExpression, Prediction]], size: Size, card: Card, dropped: Counter[str]
) -> NamedObjects:
    """Return what a run found in one image, clipped to it; what cannot be used is counted in `dropped`."""
    names = {category.name for category in card.categories}
    return join_objects(
        [_predicted(entry, prediction, size, names, dropped) for entry, prediction in answers]
    )


def _predicted(
    entry: AskedExpression, prediction: Prediction, size: Size, names: set[str], dropped: Counter[str]
) -> NamedObjects:
    if not prediction.is_readable:
        dropped[left_out.UNREADABLE] += 1
    found: dict[bool, list[ExportedObject]] = {True: [], False: []}
    for detection in prediction.detections:
        box = detection.box.clipped(size)
        is_phrase = entry.expression is not None
        if not is_phrase and detection.label not in names:
            dropped[left_out.UNKNOWN_LABEL] += 1
        elif not box.has_area:
            dropped[left_out.OUTSIDE] += 1
        else:
            label = detection.label if entry.expression is None else entry.expression
            found[is_phrase].append(ExportedObject(label, box, detection.score))
    return NamedObjects(tuple(found[False]), tuple(found[True]))
