"""The second pass: the rows that were drawn are read, checked and written, a few images at a time."""

import itertools
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.answers import write_answer
from grounding.boxes import Size
from grounding.categories import Category
from grounding.prompts import IMAGE_PLACEHOLDER, SYSTEM_PROMPT
from grounding.samples import Detection, Sample
from prepare.images import check_image, image_name, write_image
from prepare.objects import RowObjects, read_objects
from prepare.progress import progress_bar
from prepare.sampling import Candidate
from prepare.source import ANNOTATION_COLUMNS, IMAGE_COLUMN, open_parquet, read_batches

ROWS_AT_ONCE = 16
"""A photograph is about 0.2 MB, so this bounds the memory whatever the size of the row groups."""

COUNTS = ("images", "boxes", "boxes_in_answers", "boxes_clipped")

WORKERS = min(8, os.cpu_count() or 1)


@dataclass(frozen=True)
class Task:
    """What turns a row into a record; the same for every row of a data set."""

    folder: Path
    categories: tuple[Category, ...]
    question: str
    answer_format: str
    verify: str


@dataclass(frozen=True)
class Taken:
    """An image that is in the data set: its line of JSON and, for scoring, the sample with all its boxes.

    Lines, not dictionaries, are kept: the whole of COCO then fits into 100 MB.
    """

    rank: int
    image: str
    line: str
    sample: Sample | None


def take(
    candidates: Iterator[Candidate],
    count: int,
    task: Task,
    split: str,
    counts: Counter[str],
    dropped: Counter[str],
) -> list[Taken]:
    """Write the images of the first `count` usable candidates, and return them in the order of the draw.

    A candidate whose image turns out to be unusable is counted in `dropped`, and the next one in the
    draw takes its place. Box drops are counted for the images that are taken. `sample` is set for "val".

    Raises:
        UserError: a source file cannot be read, or an image not be written.
    """
    taken: list[Taken] = []

    def handle(pair: tuple[Candidate, dict[str, Any]]) -> tuple[Taken, RowObjects] | str:
        return _handle(*pair, task, keep_sample=split == "val")

    with (
        ThreadPoolExecutor(WORKERS) as pool,
        progress_bar(count, f"writing {split} images") as progress,
    ):
        while chosen := list(itertools.islice(candidates, count - len(taken))):
            for rows in _read_rows(chosen):
                for outcome in pool.map(handle, rows):
                    if isinstance(outcome, str):
                        dropped[outcome] += 1
                        continue
                    taken.append(outcome[0])
                    _count(outcome[1], counts, dropped)
                    progress.update()
    return sorted(taken, key=lambda image: (image.rank, image.image))


def _read_rows(candidates: Sequence[Candidate]) -> Iterator[list[tuple[Candidate, dict[str, Any]]]]:
    """Yield the candidates with their rows, file by file; row groups without any are not read."""
    ordered = sorted(candidates, key=lambda candidate: (candidate.path, candidate.row))
    for path, group in itertools.groupby(ordered, lambda candidate: candidate.path):
        wanted = {candidate.row: candidate for candidate in group}
        file = open_parquet(path)
        start = 0
        for index in range(file.num_row_groups):
            stop = start + file.metadata.row_group(index).num_rows
            if any(start <= row < stop for row in wanted):
                columns = (*ANNOTATION_COLUMNS, IMAGE_COLUMN)
                row = start
                for batch in read_batches(file, path, columns, ROWS_AT_ONCE, row_group=index):
                    places = [i for i in range(batch.num_rows) if row + i in wanted]
                    if places:
                        yield [(wanted[row + i], batch.slice(i, 1).to_pylist()[0]) for i in places]
                    row += batch.num_rows
            start = stop


def _handle(
    candidate: Candidate, row: dict[str, Any], task: Task, *, keep_sample: bool
) -> tuple[Taken, RowObjects] | str:
    """Check and write one image; return its record and objects, or why it cannot be used."""
    size = Size(row["width"], row["height"])
    data = (row["image"] or {}).get("bytes")
    extension, fault = check_image(data, size, task.verify)
    if extension is None or data is None:
        return str(fault)
    name = image_name(candidate.image_id, extension)
    write_image(data, task.folder / name)
    objects = read_objects(row["objects"], size, task.categories)
    sample = Sample(candidate.image_id, name, size, objects.detections, objects.areas)
    line = json.dumps(make_record(name, size, objects.trainable, task), ensure_ascii=False)
    return Taken(candidate.rank, name, line, sample if keep_sample else None), objects


def make_record(image: str, size: Size, detections: Sequence[Detection], task: Task) -> dict[str, Any]:
    """Return a JSONL row as PaddleFormers' `messages` type wants it; images relative to the JSONL."""
    answer = write_answer(task.answer_format, detections, size)
    record: dict[str, Any] = {
        "messages": [
            {"role": "system", "content": SYSTEM_PROMPT},
            {"role": "user", "content": IMAGE_PLACEHOLDER + task.question},
            {"role": "assistant", "content": answer.content},
        ],
        "images": [image],
    }
    return record if answer.objects is None else {**record, "objects": answer.objects}


def _count(objects: RowObjects, counts: Counter[str], dropped: Counter[str]) -> None:
    counts["images"] += 1
    counts["boxes"] += len(objects.detections)
    counts["boxes_in_answers"] += len(objects.trainable)
    counts["boxes_clipped"] += objects.clipped
    dropped.update(objects.dropped)
