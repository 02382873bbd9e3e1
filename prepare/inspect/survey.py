"""One pass over a source: what it holds, and what preparing would leave out."""

from collections import Counter
from dataclasses import dataclass, field

from grounding.errors import UserError
from grounding.images.box_check import BoxCheck
from prepare.draw import check_annotation
from prepare.inspect.images_looked_at import MOST_IMAGES, ImageLookedAt, look_at_images
from prepare.progress import progress_bar
from prepare.questions.objects import ObjectReader
from prepare.reasons import UnusableImageError
from prepare.source_types import Annotation, Frame, Lost, Place
from prepare.sources.source import Source

SPLITS = ("train", "val")


@dataclass
class SplitSurvey:
    """The counts of a split: images, those that preparing would take, those without boxes, and so on."""

    images: int = 0
    usable: int = 0
    empty: int = 0
    boxes: int = 0
    expressions: int = 0


@dataclass
class Survey:
    """What one pass over the annotations found.

    `dropped` counts by reason what the annotations alone condemn; boxes of images whose size only the file
    tells are judged in `images`, the sample that was opened. `contradiction` is the message with which
    preparing would refuse the boxes.
    """

    splits: dict[str, SplitSurvey] = field(default_factory=dict)
    labels: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    crowds: int = 0
    images: list[ImageLookedAt] = field(default_factory=list)
    contradiction: str | None = None
    lost: list[Lost] = field(default_factory=list)

    @property
    def boxes(self) -> int:
        """The boxes of all splits."""
        return sum(split.boxes for split in self.splits.values())

    @property
    def expected(self) -> int:
        """The images of all splits whose files are there."""
        return sum(split.images for split in self.splits.values())


def survey_source(source: Source, names: frozenset[str]) -> Survey:
    """Scan both splits and open some images of each.

    Raises:
        UserError: a file that cannot be read.
    """
    found = Survey()
    reader = ObjectReader(source.box_format, names)
    for split in SPLITS:
        total = source.count(split)
        found.splits[split] = SplitSurvey()
        if not total:
            continue
        step = max(1, total * len(SPLITS) // MOST_IMAGES)
        places: list[Place] = []
        check = BoxCheck(source.box_format.order, source.box_format.units)
        with progress_bar(total, f"reading {split}") as progress:
            for number, each in enumerate(source.scan(split)):
                if isinstance(each, Lost):
                    _lose(each, found)
                    continue
                progress.update()
                _count(each, found, reader, found.splits[split])
                _check_boxes(each, check, found)
                if number % step == 0:
                    places.append(each.place)
        _finish(check, found)
        found.images += look_at_images(source, places)
    return found


def _lose(lost: Lost, found: Survey) -> None:
    found.dropped[lost.reason] += lost.images
    found.dropped.update(lost.items)
    found.lost.append(lost)


def _count(annotation: Annotation, found: Survey, reader: ObjectReader, split: SplitSurvey) -> None:
    boxes = sum(len(query.objects.boxes) for query in annotation.queries)
    split.images += 1
    split.boxes += boxes
    split.empty += not boxes
    for query in annotation.queries:
        split.expressions += query.expression is not None
        found.crowds += len(query.objects.crowds)
        found.labels.update(label for label in query.objects.labels if label is not None)
    try:
        check_annotation(annotation, reader)
        split.usable += 1
        if annotation.size is not None:
            for query in annotation.queries:
                found.dropped.update(reader.read(query, Frame(annotation.size)).dropped)
    except UnusableImageError as error:
        found.dropped[error.reason] += 1
        found.dropped.update(error.items)


def _check_boxes(annotation: Annotation, check: BoxCheck, found: Survey) -> None:
    if found.contradiction is not None:
        return
    try:
        for query in annotation.queries:
            for numbers in query.objects.boxes:
                check.add(numbers, annotation.size, annotation.where)
    except UserError as error:
        found.contradiction = str(error)


def _finish(check: BoxCheck, found: Survey) -> None:
    if found.contradiction is None:
        try:
            check.finish()
        except UserError as error:
            found.contradiction = str(error)
