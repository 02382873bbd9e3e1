"""The second pass: the images that were drawn are read, checked and written, a few at a time."""

import itertools
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from grounding.samples import Sample
from prepare.faults import Faults
from prepare.progress import progress_bar
from prepare.questions.image_records import Outcome, Task, make_records
from prepare.sampling import Candidate
from prepare.sources.source import IMAGE_MISSING, Annotation, ImageData, Lost, Source
from prepare.write.image_files import (
    IMAGE_DOES_NOT_DECODE,
    ImageCheck,
    check_image,
    find_written,
    image_name,
    write_image,
)
from prepare.write.overlap import overlap
from prepare.write.record_lines import make_line

COUNTS = ("images", "records", "boxes", "boxes_in_answers", "boxes_clipped")

WORKERS = min(8, os.cpu_count() or 1)


@dataclass(frozen=True)
class Taken:
    """An image that is in the data set: its lines of JSON and, for scoring, a sample a line with all boxes.

    Lines, not dictionaries, are kept: the whole of COCO then fits into 100 MB.
    """

    rank: int
    image: str
    lines: tuple[str, ...]
    samples: tuple[Sample, ...]


def take(
    source: Source,
    candidates: Iterator[Candidate],
    count: int,
    task: Task,
    split: str,
    counts: Counter[str],
    faults: Faults,
) -> list[Taken]:
    """Write the images of the first `count` usable candidates, and return them in the order of the draw.

    A candidate whose image turns out to be unusable is counted in `faults`, and the next one in the
    draw takes its place. Box drops are counted for the images that are taken. `samples` are for "val" only.

    Raises:
        UserError: a source file cannot be read, an image not be written, or too much is damaged.
    """
    taken: list[Taken] = []

    def handle(row: tuple[Annotation, ImageData]) -> Outcome:
        return _handle(*row, task, is_val=split == "val")

    with (
        ThreadPoolExecutor(WORKERS) as pool,
        progress_bar(count, f"writing {split} images") as progress,
    ):
        while chosen := list(itertools.islice(candidates, count - len(taken))):
            ranks = {candidate.place: candidate.rank for candidate in chosen}
            for rows in overlap(source.read(list(ranks)), handle, pool, WORKERS):
                if isinstance(rows, Lost):
                    faults.lose(rows)
                    continue
                for (annotation, _), outcome in rows:
                    if outcome.reason:
                        faults.look(outcome.reason, outcome.where)
                        continue
                    faults.looked_at += 1
                    lines = tuple(make_line(record) for record in outcome.records)
                    own = tuple(outcome.samples) if split == "val" else ()
                    taken.append(Taken(ranks[annotation.place], outcome.name, lines, own))
                    counts.update(outcome.counts)
                    counts.update(images=1, records=len(lines))
                    faults.dropped.update(outcome.dropped)
                    progress.update()
                faults.check(is_over=False)
    return sorted(taken, key=lambda image: (image.rank, image.image))


def _handle(annotation: Annotation, data: ImageData, task: Task, *, is_val: bool) -> Outcome:
    """Check one image, make its records, and write it if there are any."""
    outcome = Outcome(annotation.where)
    if isinstance(data, Path):
        outcome.where = str(data)
        try:
            data = data.read_bytes()
        except OSError:
            outcome.reason = IMAGE_MISSING
            return outcome
    if not data:
        outcome.reason = IMAGE_DOES_NOT_DECODE
        return outcome
    image_id = annotation.image_id or 0
    written = find_written(data, task.folder, image_id) if task.is_resumed else None
    check = ImageCheck("header", task.check.exif) if written else task.check
    facts = check_image(data, annotation.size, check)
    if isinstance(facts, str):
        outcome.reason = facts
        return outcome
    outcome.name = image_name(image_id, facts.extension)
    make_records(annotation, facts.size, outcome, task, is_val=is_val)
    if not outcome.reason and outcome.name != written:
        write_image(data, task.folder / outcome.name)
    return outcome
