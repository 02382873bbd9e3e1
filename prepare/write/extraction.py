"""The drawn images, a few at a time: read, checked, asked about, and written."""

import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from grounding.boxes import Size
from grounding.layout import ANNOTATIONS_FILES, CALIBRATION_SPLIT
from grounding.regions.region_mark import REGION_KEY
from grounding.samples import Sample
from grounding.yes_no.yes_no_mark import YES_NO_KEY
from prepare.draw import Candidate, Draw
from prepare.drops import DropLog
from prepare.progress import progress_bar
from prepare.questions.image_records import (
    HEADINGS_COUNT,
    RELATION_COUNT,
    SEVERAL_COUNT,
    ImageRecords,
    RecordMaker,
    make_records,
)
from prepare.questions.record_lines import make_line
from prepare.reasons import IMAGE_MISSING, RECORD_SHOWS_VAL, UnusableImageError
from prepare.source_types import Annotation, ImageData, Lost
from prepare.sources.source import Source
from prepare.write.image_files import (
    ImageFacts,
    ImageStore,
    bytes_to_write,
    check_image,
    image_name,
    write_image,
)
from prepare.write.overlap import overlap
from prepare.write.shown_boxes import add_box_records
from prepare.write.view_files import RECORDS_WITH_VIEWS, VIEWS_SHOWN, add_views

COUNTS = ("images", "records", "boxes", "boxes_in_answers", "boxes_clipped")

IMAGES_OUTSIDE = "images_outside"
"""Counted only where there are some: images that source.outside=true took from outside source.path."""

MOST_COUNT = "most_images"
"""Counted only where a record shows several images: how many one of them shows at most."""

SOMETIMES = (
    *(IMAGES_OUTSIDE, YES_NO_KEY, REGION_KEY, RELATION_COUNT),
    *(SEVERAL_COUNT, MOST_COUNT, HEADINGS_COUNT),
    *(RECORDS_WITH_VIEWS, VIEWS_SHOWN),
)
"""Counts that both splits have if one of them has them."""

WORKERS = min(8, os.cpu_count() or 1)

Worker = Callable[[tuple[Annotation, ImageData]], ImageRecords | Lost]


@dataclass(frozen=True)
class PreparedImage:
    """An image of the data set: its rank in the draw, its lines of JSON, and a sample per question for boxes.

    Training images have no samples. `drawn` are the pictures that were made to show boxes, and `others` the
    further images of records that show several.
    Lines are kept, not dictionaries: the whole of COCO then fits into 100 MB.
    """

    rank: int
    image: str
    lines: tuple[str, ...]
    samples: tuple[Sample, ...]
    drawn: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class PreparedSplit:
    """The images of a split in the order of the draw, and the counts that the card states."""

    images: list[PreparedImage]
    counts: dict[str, int]


def extract_images(
    source: Source, draw: Draw, maker: RecordMaker, store: ImageStore, log: DropLog
) -> dict[str, PreparedSplit]:
    """Write the first usable images of the draw, and return the records of each split.

    An image that turns out to be unusable is counted in `log`, and the next one of the draw takes its place.
    Drops of boxes are counted only for the images that are taken.

    Raises:
        UserError: a source file cannot be read, an image not be written, or too much is damaged.
    """
    taken: set[int] = set()

    def split(name: str) -> PreparedSplit:
        def work(row: tuple[Annotation, ImageData]) -> ImageRecords | Lost:
            # Scores are fitted to boxes alone: the calibration part asks for no words.
            own = replace(maker, region_questioner=None) if name == CALIBRATION_SPLIT else maker
            return _prepare_image(*row, own, store, is_val=name in ANNOTATIONS_FILES)

        candidates = _without_taken(draw.candidates[name], frozenset(taken), log)
        return _extract_split(source, candidates, draw.sizes[name], work, log, name, taken)

    # Train last: the others can share its candidates, and take their images first.
    others = {name: split(name) for name in ("val", CALIBRATION_SPLIT) if name in draw.sizes}
    splits = {"train": split("train"), **others}
    for name in SOMETIMES:
        if any(name in prepared.counts for prepared in splits.values()):
            for prepared in splits.values():
                prepared.counts.setdefault(name, 0)
    return splits


def _without_taken(
    candidates: Iterator[Candidate], taken: frozenset[int], log: DropLog
) -> Iterator[Candidate]:
    """Yield the candidates that show no image of another split; the others are counted."""
    for candidate in candidates:
        if candidate.picture_ids & taken:
            log.dropped[RECORD_SHOWS_VAL] += 1
        else:
            yield candidate


def _extract_split(
    source: Source,
    candidates: Iterator[Candidate],
    count: int,
    work: Worker,
    log: DropLog,
    name: str,
    taken: set[int],
) -> PreparedSplit:
    images: list[PreparedImage] = []
    counts = Counter(dict.fromkeys(COUNTS, 0))
    shown: set[int] = set()
    outside: set[tuple[Path, int]] = set()
    with (
        ThreadPoolExecutor(WORKERS) as pool,
        progress_bar(count, f"writing {name} images") as progress,
    ):
        while chosen := list(itertools.islice(candidates, count - len(images))):
            ranks = {candidate.place: candidate.rank for candidate in chosen}
            for batch in overlap(source.read(list(ranks)), work, pool, WORKERS):
                if isinstance(batch, Lost):
                    log.lose(batch)
                    continue
                for (annotation, _), made in batch:
                    if isinstance(made, Lost):
                        log.reject(made)
                        continue
                    log.looked_at += 1
                    log.dropped.update(made.dropped)
                    counts.update(made.counts)
                    counts.update(records=len(made.records))
                    shown.update(annotation.picture_ids)
                    files = [(each.file, each.image_id) for each in annotation.pictures]
                    files = files or [(annotation.place.file, annotation.image_id or 0)]
                    outside.update(each for each in files if source.is_outside(each[0]))
                    if annotation.pictures:
                        counts[MOST_COUNT] = max(counts[MOST_COUNT], len(files))
                    images.append(_without_dictionaries(made, ranks[annotation.place], name))
                    progress.update()
                log.check(is_over=False)
    counts["images"] = len(shown)
    if outside:
        counts[IMAGES_OUTSIDE] = len(outside)
    taken |= shown
    return PreparedSplit(sorted(images, key=lambda image: (image.rank, image.image)), dict(counts))


def _without_dictionaries(made: ImageRecords, rank: int, split: str) -> PreparedImage:
    lines = tuple(make_line(record) for record in made.records)
    drawn = {name for record in made.records for name in record["images"]} - {made.image, *made.others}
    samples = tuple(made.samples) if split in ANNOTATIONS_FILES else ()
    return PreparedImage(rank, made.image, lines, samples, tuple(sorted(drawn)), made.others)


def _prepare_image(
    annotation: Annotation, data: ImageData, maker: RecordMaker, store: ImageStore, *, is_val: bool
) -> ImageRecords | Lost:
    """Check one image, make its records and write it; an image that cannot be used is returned as lost.

    Of records that show several images, all are checked and written, or none.
    """
    where = str(data) if isinstance(data, Path) else annotation.where
    named: list[tuple[int, ImageData]] = [(each.image_id, each.file) for each in annotation.pictures]
    checked: list[CheckedImage] = []
    try:
        for number, file in named or [(annotation.image_id or 0, data)]:
            where = str(file) if isinstance(file, Path) else annotation.where
            checked.append(_check(number, file, annotation.size, store))
        first, *others = checked
        shown = [(each.name, each.facts.frame) for each in others]
        made = make_records(annotation, first.name, first.facts.frame, maker, *shown, is_val=is_val)
        add_views(made, first.content, first.facts, store.folder, maker.questioner.recipe)
        add_box_records(made, first.content, first.facts, store.folder, maker.questioner.recipe)
    except UnusableImageError as error:
        return Lost(error.reason, 1, f"{where} ({error.detail})" if error.detail else where, error.items)
    for each in checked:
        if each.name != each.written:
            write_image(bytes_to_write(each.content, each.facts), store.folder / each.name)
    return made


@dataclass(frozen=True)
class CheckedImage:
    """An image that can be used: its bytes, its path in the data set's folder, and that of a written one."""

    content: bytes | memoryview
    name: str
    facts: ImageFacts
    written: str | None


def _check(image_id: int, data: ImageData, size: Size | None, store: ImageStore) -> CheckedImage:
    content = _read_bytes(data)
    written = store.find_written(content, image_id)
    facts = check_image(content, size, store.check_of(written))
    return CheckedImage(content, image_name(image_id, facts.extension), facts, written)


def _read_bytes(data: ImageData) -> bytes | memoryview:
    if not isinstance(data, Path):
        return data or b""
    try:
        return data.read_bytes()
    except OSError as error:
        raise UnusableImageError(IMAGE_MISSING) from error
