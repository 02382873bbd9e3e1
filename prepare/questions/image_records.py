"""The records of one image: each query becomes questions and answers, or a conversation that is kept."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from grounding.boxes import Size
from grounding.markup import IMAGE_PLACEHOLDER, find_markup
from grounding.samples import Sample
from prepare.questions.candidates.candidate_lister import CandidateLister, ImageCandidates
from prepare.questions.conversations import rewrite_record
from prepare.questions.objects import ImageObjects, ObjectReader
from prepare.questions.questioner import QuestionAnswer, Questioner
from prepare.questions.record_lines import RecordFormat, RecordRow, make_record
from prepare.questions.regions.region_questions import RegionQuestion, RegionQuestioner
from prepare.questions.scoring_samples import picture_samples, query_sample, question_sample
from prepare.questions.yes_no.box_questions import BoxQuestion, BoxQuestioner
from prepare.reasons import (
    BOX_OF_CROWD,
    EXPRESSION_WITH_MARKUP,
    EXPRESSION_WITHOUT_BOX,
    IMAGE_EMPTY,
    IMAGE_OF_CROWDS,
    IMAGE_WITHOUT_OBJECTS,
    NO_QUESTION_LEFT,
    UnusableImageError,
    UnusableQueryError,
)
from prepare.source_types import Annotation, Frame, Query

RELATION_COUNT = "relations"
"""The count of records about computed phrases, among the counts of an image."""

SEVERAL_COUNT, HEADINGS_COUNT = "several_images", "headings_added"
"""The counts of records that show several images, and of those that got headings for them."""


@dataclass(frozen=True)
class RecordMaker:
    """What turns annotations into records; the same for every image of a data set.

    `box_questioner` asks yes/no questions about training images, and `region_questioner` asks for words about
    regions; None without such questions. `lister` lists candidates of a detector, None without any.
    """

    reader: ObjectReader
    questioner: Questioner
    form: RecordFormat
    box_questioner: BoxQuestioner | None = None
    region_questioner: RegionQuestioner | None = None
    lister: CandidateLister | None = None


@dataclass
class ImageRecords:
    """The records of one image, a sample for each (for validation), and the counts of its boxes and drops.

    `box_questions` are the image's yes/no questions, `region_questions` those for words about regions: they
    become records, without samples, when their pictures are drawn. Records that show several images have
    `others` beside the first, and a sample for each image of their first question.
    """

    image: str
    records: list[RecordRow] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    box_questions: list[BoxQuestion] = field(default_factory=list)
    region_questions: list[RegionQuestion] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    others: tuple[str, ...] = ()

    def count(self, objects: ImageObjects) -> None:
        """Count the objects of a query."""
        self.counts["boxes"] += len(objects.detections)
        self.counts["boxes_in_answers"] += len(objects.trainable)
        self.counts["boxes_clipped"] += objects.clipped
        self.dropped.update(objects.dropped)


def make_records(
    annotation: Annotation,
    image: str,
    frame: Frame,
    maker: RecordMaker,
    *others: tuple[str, Frame],
    is_val: bool,
) -> ImageRecords:
    """Return an image's records; `image` is its path in the data set's folder.

    `others` are the further images of records that show several.

    Raises:
        UnusableImageError: nothing can be asked about it.
    """
    made, size = ImageRecords(image, others=tuple(name for name, _ in others)), frame.upright
    asked: list[tuple[Query, ImageObjects]] = []
    for query in annotation.queries:
        try:
            if query.fault is not None:
                raise UnusableQueryError(query.fault)
            if query.record is None:
                asked.append((query, _read_query(query, frame, maker.reader, made)))
            else:
                _keep_conversation(annotation, query, [(image, frame), *others], maker.reader, made)
        except UnusableQueryError as error:
            made.dropped[error.reason] += 1
    if asked:
        samples = [query_sample(annotation, query, image, size, objects) for query, objects in asked]
        image_id = samples[0].image_id if annotation.image_id is None else annotation.image_id
        queries = [objects for _, objects in asked]
        of_image = _candidates_of(annotation, image, size, queries, maker, made)
        for question in maker.questioner.ask(image_id, size, queries, made.dropped, is_val=is_val):
            made.records.append(_make_record(image, size, question, maker, of_image, made, is_val=is_val))
            if question.is_computed:
                made.counts[RELATION_COUNT] += 1
            if is_val:
                made.samples.append(question_sample(samples, question))
        number = len(made.records)
        if maker.box_questioner is not None and number and not is_val:
            made.box_questions = maker.box_questioner.ask(image_id, size, queries, number, made.dropped)
        if maker.region_questioner is not None and number:
            made.region_questions = maker.region_questioner.ask(
                image_id, image, size, queries, number, made.dropped, is_val=is_val,
                about_boxes=tuple(made.records),
            )  # fmt: skip
    if not made.records:
        raise _refusal(annotation, made.dropped)
    made.records = [{**record, **_source_of(annotation)} for record in made.records]
    return made


def _source_of(annotation: Annotation) -> dict[str, Any]:
    """Return what a record says of its source: the names of its images, unless they have numbers there."""
    if annotation.is_numbered:
        return {}
    return {"source": [picture.name for picture in annotation.pictures] or annotation.name}


def _keep_conversation(
    annotation: Annotation,
    query: Query,
    pictures: Sequence[tuple[str, Frame]],
    reader: ObjectReader,
    made: ImageRecords,
) -> None:
    """Add a record that is kept, and its samples; `pictures` are its images' names and frames.

    Raises:
        UnusableQueryError: it cannot be used.
    """
    rewritten = rewrite_record(query, pictures, reader)
    made.count(rewritten.objects)
    made.records.append(rewritten.row)
    made.counts.update({HEADINGS_COUNT: 1} if rewritten.headings else {})
    sizes = [(name, frame.upright) for name, frame in pictures]
    if len(pictures) == 1:
        made.samples.append(query_sample(annotation, query, *sizes[0], rewritten.objects))
        return
    made.counts[SEVERAL_COUNT] += 1
    asked = sizes[: _asked_images(rewritten.row)]
    made.samples += picture_samples(annotation, query, asked, rewritten.objects)


def _asked_images(record: RecordRow) -> int:
    """Return how many images the first question of a record shows: inference asks about these."""
    first: str = next(message["content"] for message in record["messages"] if message["role"] == "user")
    return max(1, first.count(IMAGE_PLACEHOLDER))


def _candidates_of(
    annotation: Annotation,
    image: str,
    size: Size,
    queries: Sequence[ImageObjects],
    maker: RecordMaker,
    made: ImageRecords,
) -> ImageCandidates | None:
    """Return the candidates of an image, None without any."""
    if maker.lister is None:
        return None
    objects = dict.fromkeys(item for query in queries for item in query.detections)
    names, image_id = (annotation.name, image), annotation.image_id if annotation.is_numbered else None
    return maker.lister.of_image(names, image_id, image, size, list(objects), made.counts, made.dropped)


def _make_record(
    image: str,
    size: Size,
    question: QuestionAnswer,
    maker: RecordMaker,
    of_image: ImageCandidates | None,
    made: ImageRecords,
    *,
    is_val: bool,
) -> RecordRow:
    listed = None
    if maker.lister is not None and of_image is not None:
        listed = maker.lister.of_question(of_image, question.text, made.counts, is_val=is_val)
    return make_record(image, size, question, maker.form, listed)


def _refusal(annotation: Annotation, dropped: Counter[str]) -> UnusableImageError:
    """Return the error for an image without a question; what was dropped with it is counted beside it."""
    reason = next((reason for reason in NO_QUESTION_LEFT if reason in dropped), IMAGE_WITHOUT_OBJECTS)
    if not dropped and not any(query.objects.boxes for query in annotation.queries):
        reason = IMAGE_EMPTY
    elif set(dropped) == {BOX_OF_CROWD}:
        reason = IMAGE_OF_CROWDS
    items = {other: number for other, number in dropped.items() if other != reason}
    return UnusableImageError(reason, items=items)


def _read_query(query: Query, frame: Frame, reader: ObjectReader, made: ImageRecords) -> ImageObjects:
    """Read and count a query's objects.

    Raises:
        UnusableQueryError: its expression cannot be asked about.
        UnusableImageError: its lists differ in length.
    """
    objects = reader.read(query, frame)
    made.count(objects)
    if query.expression is not None:
        if find_markup(query.expression):
            raise UnusableQueryError(EXPRESSION_WITH_MARKUP)
        # Boxes that cannot be used do not mean that the expression matches nothing.
        if query.objects.boxes and not objects.detections:
            raise UnusableQueryError(EXPRESSION_WITHOUT_BOX)
    return objects
