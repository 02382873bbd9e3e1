"""The records of the mined data set: hard ones with their weights, and hard negatives."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from grounding.boxes import GRID, Size
from grounding.card import Card
from grounding.errors import UserError
from grounding.files import read_jsonl
from grounding.layout import JSONL_FILES
from grounding.record.contract import contract_of
from grounding.record.conversation import parse_record
from grounding.samples import Detection
from infer.mine.absent_labels import Absentees, CategoryQuestions
from infer.mine.graded_rows import GradedRecord
from infer.mine.hardness import find_neighbours, weight_of
from infer.mine.mine_settings import MineSettings
from infer.mine.rarity import measure_rarity
from infer.sampling.known_questions import SAMPLED_SPLIT

WEIGHT_KEY = "weight"
"""How often a row of hard.jsonl stands in train.jsonl: PaddleFormers weighs files, not records."""

Row = dict[str, Any]


def hard_rows(records: Sequence[GradedRecord], card: Card, settings: MineSettings) -> Iterator[Row]:
    """Yield the records that are hard, as they stand in the data set, each with its weight."""
    all_grades = [record.grades for record in records]
    rarity = measure_rarity(all_grades, contract_of(card).labels, settings.most_rarity)
    for record in records:
        hardness = record.grades.hardness
        if hardness >= settings.hard_from:
            factor = rarity.of(record.grades, settings.hard_from)
            yield {**record.known.row, WEIGHT_KEY: weight_of(hardness, settings.most_repeats, factor)}


def negative_rows(
    records: Sequence[GradedRecord], card: Card, dataset: Path, settings: MineSettings
) -> Iterator[Row]:
    """Yield questions about categories that a hard record's images do not show, with the weight 1.

    If the data set has no question about one category, each comes with one about a category that is there:
    a model that sees such questions with the answer "nothing" alone would learn to give that one.
    """
    names = contract_of(card).labels
    hard = [record for record in records if record.grades.hardness >= settings.hard_from]
    if not settings.negatives or names is None:
        return
    by_images: dict[tuple[str, ...], list[GradedRecord]] = {}
    for record in hard:
        shown = tuple(picture.image for picture in record.known.question.pictures)
        by_images.setdefault(shown, []).append(record)
    neighbours = find_neighbours([record.grades for record in records])
    absentees = Absentees(names, neighbours, settings.negatives, settings.unannotated)
    questions = CategoryQuestions(card)
    objects = _objects_of(dataset, {image for images in by_images for image in images})
    for images, asked in by_images.items():
        there = _in_all(objects, images)
        request = asked[0].known.question.request
        found = absentees.find([record.grades for record in asked], frozenset(there))
        for label, choice in found.items():
            yield {**questions.write(request, images, label, (), choice), WEIGHT_KEY: 1}
        labels = [label for label in _hardest_labels(asked) if there.get(label)] if questions.are_new else []
        for label in labels[: len(found)]:
            yield {**questions.write(request, images, label, there[label]), WEIGHT_KEY: 1}


def repeated(rows: Sequence[Row]) -> Iterator[Row]:
    """Yield each row as often as its weight says, all rows once before any comes again."""
    for time in range(max((row[WEIGHT_KEY] for row in rows), default=0)):
        yield from (row for row in rows if row[WEIGHT_KEY] > time)


def _in_all(
    objects: Mapping[str, Mapping[str, Sequence[Detection]]], images: Sequence[str]
) -> dict[str, list[Detection]]:
    """Return label -> objects in any of these images, each with the place of its image."""
    found: dict[str, list[Detection]] = {}
    for place, image in enumerate(images):
        for label, items in objects[image].items():
            found.setdefault(label, []).extend(replace(item, picture=place) for item in items)
    return found


def _objects_of(dataset: Path, images: Collection[str]) -> dict[str, dict[str, list[Detection]]]:
    """Return image -> label -> objects that any record of the training split names, boxes on the grid.

    Raises:
        UserError: a line is no record.
    """
    from tqdm import tqdm

    found: dict[str, dict[str, list[Detection]]] = {image: {} for image in images}
    path = dataset / JSONL_FILES[SAMPLED_SPLIT]
    for line, row in tqdm(read_jsonl(path), unit="record", desc="what is there", delay=2):
        try:
            record = parse_record(row)
        except ValueError as error:
            raise UserError(f"{path}, line {line}: {error}: prepare the data set again") from error
        if not any(image in found for image in record.images):
            continue
        for item in record.read_answers(Size(GRID, GRID)).detections:
            if (image := record.images[item.picture]) in found:
                of_label = found[image].setdefault(item.label, [])
                if (alone := replace(item, picture=0)) not in of_label:
                    of_label.append(alone)
    return found


def _hardest_labels(asked: Sequence[GradedRecord]) -> list[str]:
    objects = [item for record in asked for item in record.grades.objects]
    return list(
        dict.fromkeys(item.detection.label for item in sorted(objects, key=lambda one: -one.hardness))
    )
