"""The records of a prepared data set, as the model is trained on them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from grounding.answers.asked import Asked
from grounding.boxes import Size, from_grid
from grounding.errors import UserError
from grounding.files import is_regular, lies_inside, read_jsonl
from grounding.images.pixels import upright_size
from grounding.markup import IMAGE_PLACEHOLDER
from grounding.record.checker import check_record
from grounding.record.contract import Contract
from grounding.record.conversation import Record, parse_record
from grounding.record.flaws import BOX_COUNT, REF_COUNT
from grounding.regions.region_mark import REGION_KEY
from grounding.samples import Detection
from grounding.yes_no.shown_box import TEXT
from visualize.draw.pictures import open_image
from visualize.read.compared_runs import AnnotatedImage


class DrawnRecord(NamedTuple):
    """A record to draw: its images with objects, its first question, and the answer if that names no objects.

    The region that the question of a record states in its text is drawn as an object.
    """

    images: tuple[AnnotatedImage, ...]
    question: str
    words: str | None


def read_records(path: Path, limit: int) -> Iterator[DrawnRecord]:
    """Yield the first records of a prepared data set.

    The boxes are read back from the text of all answers, each in pixels of its image.

    Raises:
        UserError: no such file, a row that is not a record, or an image that cannot be read.
    """
    for position, (number, row) in enumerate(read_jsonl(path)):
        if position == limit:
            return
        try:
            record = _parse_complete(row)
        except ValueError as error:
            raise UserError(f"{path}, line {number}: {error}: run python -m prepare.check") from error
        if not record.images:
            continue  # a replayed conversation without a picture
        sizes = [_size_of(name, path, number) for name in record.pictures]
        answers = record.read_answers(Asked(tuple(sizes)))
        found = (*answers.detections, *_stated_region(record, sizes[0]))
        images = tuple(
            AnnotatedImage(
                position + 1,
                name,
                size,
                tuple(replace(item, picture=0) for item in found if item.picture == place),
                problems=answers.problems,
                candidates=record.candidates.detections_in(size) if record.candidates and place == 0 else (),
            )
            for place, (name, size) in enumerate(zip(record.pictures, sizes, strict=True))
        )
        question = next(turn.text for turn in record.turns if turn.role == "user")
        question = question if record.views is None else record.views.without(question)
        asked = question.replace(IMAGE_PLACEHOLDER, "").strip()
        yield DrawnRecord(images, asked, None if record.names_objects else record.answers[0])


def _size_of(name: str, path: Path, line: int) -> Size:
    image = path.parent / name
    if not lies_inside(image, path.parent):
        raise UserError(f"{path}, line {line}: {name} lies outside the data set's folder")
    if not is_regular(image):
        raise UserError(f"{image}: no such image: is the data set complete?")
    with open_image(image) as opened:
        return upright_size(opened)


def _stated_region(record: Record, size: Size) -> tuple[Detection, ...]:
    """Return the region that the text of a question for words states: no picture shows it."""
    if record.region is None or record.region.show != TEXT:
        return ()
    return (Detection(record.region.label or REGION_KEY, from_grid(*record.region.box, size)),)


def _parse_complete(row: dict[str, Any]) -> Record:
    """Read a record that has a question, an answer, and as many labels and boxes as placeholders.

    Raises:
        ValueError: the row is no such record.
    """
    record = parse_record(row)
    for flaw in check_record(row, Contract()):
        if flaw.kind in (REF_COUNT, BOX_COUNT):
            raise ValueError(f"not a training record ({flaw})")
    if not {"user", "assistant"} <= {turn.role for turn in record.turns}:
        raise ValueError("not a training record (it needs a turn of the user and one of the assistant)")
    return record
