"""One image's records: its annotation's queries become questions, answers, and samples to score by."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from grounding.boxes import Size
from grounding.markup import find_markup
from grounding.samples import Sample
from prepare.questions.asking import ANSWER_TOO_LONG, NOTHING_TO_ASK, Asking, Seen, sample_of
from prepare.questions.conversations import (
    RECORD_IMAGE_UNMATCHED,
    RECORD_UNMATCHED,
    RECORD_UNREADABLE,
    RECORD_WITH_BAD_BOX,
    rewrite,
)
from prepare.questions.objects import RowObjects, read_objects
from prepare.sampling import IMAGE_UNEVEN_LISTS
from prepare.sources.source import Annotation, BoxFormat, Query
from prepare.write.image_files import ImageCheck
from prepare.write.record_lines import Form, Record, make_record

EXPRESSION_WITHOUT_BOX = "expression has no usable box"
EXPRESSION_WITH_MARKUP = "expression contains markup"

OWN_REASONS = (
    ANSWER_TOO_LONG,
    EXPRESSION_WITHOUT_BOX,
    EXPRESSION_WITH_MARKUP,
    RECORD_WITH_BAD_BOX,
    RECORD_UNREADABLE,
    RECORD_UNMATCHED,
    RECORD_IMAGE_UNMATCHED,
)
"""Why an image can be left with nothing to ask, beside showing nothing."""


@dataclass(frozen=True)
class Task:
    """What turns an image into records; the same for every image of a data set.

    `is_resumed`: the images in the folder were checked, and written, by a killed run with this same task.
    """

    folder: Path
    names: frozenset[str]
    asking: Asking
    form: Form
    check: ImageCheck
    box_format: BoxFormat
    is_resumed: bool


@dataclass
class Outcome:
    """What became of one image: why it cannot be used, or its records; and the counts that go with it."""

    where: str
    reason: str = ""
    name: str = ""
    records: list[Record] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)

    def count(self, objects: RowObjects) -> None:
        """Count the objects of a query."""
        self.counts["boxes"] += len(objects.detections)
        self.counts["boxes_in_answers"] += len(objects.trainable)
        self.counts["boxes_clipped"] += objects.clipped
        self.dropped.update(objects.dropped)


def make_records(annotation: Annotation, size: Size, outcome: Outcome, task: Task, *, is_val: bool) -> None:
    """Fill in an image's records and samples, or the reason why there are none."""
    samples: list[Sample] = []
    seen: list[Seen] = []
    for query in annotation.queries:
        if query.fault is not None:
            outcome.dropped[query.fault] += 1
            continue
        if query.record is not None:
            _keep_conversation(query, annotation, size, outcome, task)
            continue
        try:
            objects = read_objects(query.objects, size, task.box_format, task.names)
        except ValueError:
            outcome.reason = IMAGE_UNEVEN_LISTS
            return
        outcome.count(objects)
        if fault := _find_fault(query, objects):
            outcome.dropped[fault] += 1
            continue
        samples.append(_sample(query, annotation, outcome.name, size, objects))
        named = {str(label) for label in query.objects.labels if label in task.names}
        others = frozenset(named - {detection.label for detection in objects.detections})
        seen.append(Seen(objects.detections, objects.trainable, query.expression, others))
    if seen:
        image_id = samples[0].image_id if annotation.image_id is None else annotation.image_id
        for question in task.asking.ask(image_id, size, seen, outcome.dropped, is_val=is_val):
            outcome.records.append(make_record(outcome.name, size, question, task.form))
            if is_val:
                outcome.samples.append(sample_of(samples, question))
    if not annotation.is_numbered:
        outcome.records = [{**record, "source": annotation.name} for record in outcome.records]
    if not outcome.records:
        outcome.reason = next((why for why in OWN_REASONS if why in outcome.dropped), NOTHING_TO_ASK)


def _keep_conversation(
    query: Query, annotation: Annotation, size: Size, outcome: Outcome, task: Task
) -> None:
    """Add a record that is kept as it is but for its boxes."""
    kept = rewrite(query, size, task.box_format, task.names, outcome.name)
    if isinstance(kept, str):
        outcome.dropped[kept] += 1
        return
    record, objects = kept
    outcome.count(objects)
    outcome.records.append(record)
    outcome.samples.append(_sample(query, annotation, outcome.name, size, objects))


def _find_fault(query: Query, objects: RowObjects) -> str | None:
    """Return why an expression cannot be asked about, or None."""
    if query.expression is None:
        return None
    if find_markup(query.expression):
        return EXPRESSION_WITH_MARKUP
    # Boxes that cannot be used do not make the expression one that matches nothing.
    return EXPRESSION_WITHOUT_BOX if query.objects.boxes and not objects.detections else None


def _sample(query: Query, annotation: Annotation, name: str, size: Size, objects: RowObjects) -> Sample:
    number = annotation.image_id if query.record_id is None else query.record_id
    return Sample(
        number or 0,
        name,
        size,
        objects.detections,
        objects.areas,
        expression=query.expression,
        crowds=objects.crowds,
        crowd_areas=objects.crowd_areas,
    )
