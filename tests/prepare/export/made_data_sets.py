"""Data sets made from samples, without a source, and what an export of them reads back as."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from grounding.boxes import Box, Size
from grounding.card import Card, save_card
from grounding.categories import number_categories
from grounding.files import write_json, write_jsonl
from grounding.samples import Detection, Sample
from prepare.questions.objects import ObjectReader
from prepare.questions.questioner import QuestionAnswer
from prepare.questions.record_lines import RecordFormat, make_record
from prepare.reasons import BOX_OF_CROWD
from prepare.source_types import Frame, Lost
from prepare.sources.source_of_recipe import open_recipe_source
from prepare.sources.source_settings import SourceSettings
from prepare.write.coco_annotations import coco_annotations

CATEGORIES = ("cat", "no", "007", "红 汽车", "R&D <box>: #1, 'x'")
"""Names that XML, YAML and file formats of one line could spoil."""

Found = list[tuple[str, tuple[float, float, float, float], bool]]
"""Label, box in pixels, and whether it is a crowd."""


def sample(number: int, size: Size, objects: Sequence[Detection], **more: Any) -> Sample:
    """Return a sample of one image; areas are half of the boxes', as if they were of segments."""
    areas = tuple(item.box.area / 2 for item in objects)
    return Sample(number, f"images/{number:012d}.png", size, tuple(objects), areas, **more)


def write_dataset(
    folder: Path,
    splits: Mapping[str, Sequence[Sample]],
    categories: Sequence[str] = CATEGORIES,
    answer_format: str = "objects",
    prompts: Mapping[str, str] | None = None,
) -> Path:
    """Write train.jsonl, val.jsonl, annotations_val.json, card.json and the images."""
    for found in splits.values():
        for item in found:
            path = folder / item.image
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (item.size.width, item.size.height), (item.image_id % 256, 9, 9)).save(path)
    form = RecordFormat(answer_format)
    for split in ("train", "val"):
        write_jsonl(
            folder / f"{split}.jsonl",
            (make_record(item.image, item.size, _question(item), form) for item in splits.get(split, ())),
        )
    numbered = number_categories(categories)
    write_json(folder / "annotations_val.json", coco_annotations(splits.get("val", ()), numbered))
    card = Card(
        "You are a helpful assistant.",
        dict(prompts or {"task.en1": "Task: Object Detection"}),
        answer_format,
        numbered,
        "0",
        {"source": {"kind": "coco_json"}},
        {},
    )
    save_card(card, folder)
    return folder


def _question(item: Sample) -> QuestionAnswer:
    if item.expression is None:
        return QuestionAnswer("Task: Object Detection", item.detections)
    named = tuple(Detection(item.expression, detection.box) for detection in item.detections)
    return QuestionAnswer(f"Where is {item.expression}?", named, item.expression, item.negative)


def write_predictions(folder: Path, rows: Mapping[int, Sequence[Mapping[str, Any]]]) -> Path:
    """Write the predictions.jsonl of a run: detections by image id."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [{"image_id": number, "detections": list(found)} for number, found in rows.items()]
    (folder / "predictions.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return folder


def read_back(
    folder: Path, kind: str, split: str, sizes: Mapping[str, Size], **settings: Any
) -> dict[str, Found]:
    """Return what prepare's own source finds, by the names of the image files."""
    source = open_recipe_source(SourceSettings(kind, "local", None, str(folder), **settings), ())
    names = frozenset(category.name for category in source.own_categories or ())
    reader = ObjectReader(source.box_format, names)
    found: dict[str, Found] = {}
    for annotation in source.scan(split):
        assert not isinstance(annotation, Lost), annotation
        name = annotation.place.file.name
        size = annotation.size or sizes[name]
        for query in annotation.queries:
            objects = reader.read(query, Frame(size))
            assert objects.dropped.keys() <= {BOX_OF_CROWD}, objects.dropped
            found[name] = [
                *((item.label, item.box.xyxy, False) for item in objects.detections),
                *((item.label, item.box.xyxy, True) for item in objects.crowds),
            ]
    return found


def read_entries(folder: Path, kind: str) -> dict[int | None, list[tuple[str | None, Any]]]:
    """Return labels and corners by the ids of the images, as prepare's own source of the kind has them."""
    source = open_recipe_source(SourceSettings(kind, "local", None, str(folder)), ())
    found = {}
    for annotation in source.scan("train"):  # one file is one split
        assert not isinstance(annotation, Lost), annotation
        (query,) = annotation.queries
        found[annotation.image_id] = list(zip(query.objects.labels, query.objects.boxes, strict=True))
    return found


def box(x1: float, y1: float, x2: float, y2: float, label: str = "cat") -> Detection:
    """Return an object."""
    return Detection(label, Box(x1, y1, x2, y2))
