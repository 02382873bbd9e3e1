"""A prepared data set as what a format saves: its truth, or the predictions of a run on it.

The truth of val is annotations_val.json, in original pixels. That of train is what the records' answers say,
on the 0..1000 grid: a box is off by half a step of the grid at most.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from grounding.boxes import Size
from grounding.card import load_card
from grounding.errors import UserError
from grounding.layout import ALL_JSONL_FILES, CALIBRATION_SPLIT, IMAGES_FOLDER, JSONL_FILES, SCORED_SPLIT
from grounding.record.contract import contract_of
from grounding.views.view_mark import read_views
from prepare.export import left_out
from prepare.export.annotated_objects import (
    AskedExpression,
    check_sizes,
    predicted_objects,
    read_asked,
    read_run_answers,
    true_objects,
)
from prepare.export.export_types import ExportedData, ExportedImage
from prepare.export.exported_images import REPAIR, measure_images
from prepare.export.record_objects import (
    ImageAnswers,
    NamedObjects,
    by_image,
    count_without_boxes,
    objects_in_answers,
    read_sound_rows,
)
from prepare.progress import watched
from prepare.sources.shared.identity import derived_id

MOST_DIGITS = 20
"""Of a whole number that names an image file."""


def true_data(dataset: Path) -> ExportedData:
    """Return the objects of both splits.

    Raises:
        UserError: not a prepared data set, or one that is damaged, or the boxes of train are a detector's.
    """
    card = load_card(dataset)
    dropped: Counter[str] = Counter()
    records = {split: by_image(dataset / file, dropped) for split, file in JSONL_FILES.items()}
    _check_boxes(records["train"], dataset)
    asked = _asked_by_image(read_asked(dataset, card).values())
    names = {"train": list(records["train"]), "val": list(dict.fromkeys([*records["val"], *asked]))}
    sizes = _measure(dataset, names)
    check_sizes((entry for entries in asked.values() for entry in entries), sizes, dataset)
    dropped |= _calibration_images(dataset)
    contract = contract_of(card)
    found = {
        name: objects_in_answers(image.records, sizes[name], contract, dropped)
        for name, image in watched(list(records["train"].items()), "reading answers")
    }
    found |= {name: true_objects(asked.get(name, [])) for name in names["val"]}
    for name, image in records["val"].items():
        count_without_boxes(image.records, sizes[name], dropped)
    images = {
        split: _images(names[split], sizes, records[split], found) for split in JSONL_FILES if names[split]
    }
    return ExportedData(_title(dataset), card.categories, images, left_out=dropped)


def _check_boxes(images: Mapping[str, ImageAnswers], dataset: Path) -> None:
    """Refuse answers that name candidates: their boxes are a detector's, moved on purpose in training.

    Raises:
        UserError: there are such answers.
    """
    if any(record.candidates is not None for image in images.values() for record, _ in image.records):
        raise UserError(
            f"{dataset}: answers of train name candidates, whose boxes are a detector's and not the "
            "source's: prepare the data set without candidates.file to export its boxes"
        )


def predicted_data(dataset: Path, run: Path) -> ExportedData:
    """Return the validation images that a run has answered, with the objects that it found.

    Raises:
        UserError: not a prepared data set, or predictions of another one.
    """
    card = load_card(dataset)
    asked = read_asked(dataset, card)
    answers = read_run_answers(run, dataset, asked)
    dropped: Counter[str] = Counter()
    if unpredicted := len({entry.image for entry in asked.values()} - answers.keys()):
        dropped[left_out.UNPREDICTED] = unpredicted
    sizes = _measure(dataset, {SCORED_SPLIT: list(answers)})
    check_sizes((entry for pairs in answers.values() for entry, _ in pairs), sizes, dataset)
    found = {name: predicted_objects(pairs, sizes[name], card, dropped) for name, pairs in answers.items()}
    records = by_image(dataset / JSONL_FILES[SCORED_SPLIT], dropped)
    images = {SCORED_SPLIT: _images(list(answers), sizes, records, found)}
    folder = run if run.is_dir() else run.parent
    return ExportedData(_title(dataset), card.categories, images, {}, folder.resolve().name, dropped)


def conversation_data(dataset: Path) -> ExportedData:
    """Return the records of both splits as they are, and their images without objects.

    Raises:
        UserError: not a prepared data set, or one that is damaged.
    """
    card = load_card(dataset)
    rows = {split: tuple(read_sound_rows(dataset / file)) for split, file in JSONL_FILES.items()}
    if any(read_views(row) is not None for found in rows.values() for row in found):
        raise UserError(
            f"{dataset}: its conversations show views of their images, which other tools would take for "
            "images of their own: export its objects (format=coco_json), or prepare it without views"
        )
    names = {
        split: list(dict.fromkeys(name for row in found for name in row["images"]))
        for split, found in rows.items()
    }
    sizes = _measure(dataset, names)
    dropped: Counter[str] = Counter()
    dropped |= _calibration_images(dataset)
    crowds = {
        (entry.image, item)
        for entry in read_asked(dataset, card).values()
        for item in entry.objects
        if item.is_crowd
    }
    if crowds:
        dropped[left_out.CROWD] = len(crowds)
    images = {split: _images(names[split], sizes, {}, {}) for split in JSONL_FILES if names[split]}
    kept = {split: found for split, found in rows.items() if found}
    return ExportedData(_title(dataset), card.categories, images, kept, left_out=dropped)


def _calibration_images(dataset: Path) -> Counter[str]:
    """Count the images that scores are fitted to: no model may be trained on them, another tool's neither."""
    path = dataset / ALL_JSONL_FILES[CALIBRATION_SPLIT]
    return Counter({left_out.CALIBRATION: len(by_image(path, Counter()))} if path.is_file() else {})


def _title(dataset: Path) -> str:
    return dataset.resolve().name


def _asked_by_image(entries: Iterable[AskedExpression]) -> dict[str, list[AskedExpression]]:
    found: dict[str, list[AskedExpression]] = {}
    for entry in entries:
        found.setdefault(entry.image, []).append(entry)
    return found


def _measure(dataset: Path, names: Mapping[str, Sequence[str]]) -> dict[str, Size]:
    """Return the size of every image.

    Raises:
        UserError: an image is in both splits, or cannot be used.
    """
    every = [name for found in names.values() for name in found]
    twice = next((name for name, count in Counter(every).items() if count > 1), None)
    if twice is not None:
        raise UserError(f"{dataset}: '{twice}' is in train and in val: {REPAIR}")
    seen: dict[int, str] = {}
    for name in every:
        if (other := seen.setdefault(_image_id(name), name)) != name:
            raise UserError(f"{dataset}: '{other}' and '{name}' have the same image id: {REPAIR}")
    return measure_images(dataset, every)


def _images(
    names: Sequence[str],
    sizes: Mapping[str, Size],
    records: Mapping[str, ImageAnswers],
    found: Mapping[str, NamedObjects],
) -> tuple[ExportedImage, ...]:
    nothing, unnamed = NamedObjects(), ImageAnswers()
    images = []
    for name in names:
        below, named = name.removeprefix(f"{IMAGES_FOLDER}/"), found.get(name, nothing)
        source = records.get(name, unnamed).source
        images.append(
            ExportedImage(_image_id(below), below, sizes[name], named.objects, named.phrases, source)
        )
    return tuple(images)


def _image_id(name: str) -> int:
    """Return an image's id: its file is named by it."""
    stem = PurePosixPath(name).with_suffix("").name
    is_number = stem.isascii() and stem.isdecimal() and len(stem) < MOST_DIGITS
    return int(stem) if is_number else derived_id(stem)
