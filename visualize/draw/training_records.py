"""The records of a prepared data set, as the model is trained on them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from grounding.answers import read_answer
from grounding.boxes import Box, Size, from_grid
from grounding.errors import UserError
from grounding.files import read_jsonl
from grounding.samples import Detection
from visualize.draw.compared_runs import AnnotatedImage
from visualize.draw.pictures import open_image


def read_records(path: Path, limit: int) -> Iterator[tuple[AnnotatedImage, str]]:
    """Yield the first records of a prepared data set, each with its question.

    Raises:
        UserError: no such file, a row that is not a record, or an image that cannot be read.
    """
    for position, (number, row) in enumerate(read_jsonl(path)):
        if position == limit:
            return
        try:
            image = row["images"][0]
            texts = {message["role"]: message["content"] for message in row["messages"]}
            question, answer = texts["user"], texts["assistant"]
            with open_image(path.parent / image) as opened:
                size = Size(*opened.size)
            detections, problems = _read_objects(row.get("objects"), answer, size)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise UserError(f"{path}, line {number}: not a training record ({error!r})") from error
        yield AnnotatedImage(position + 1, image, size, detections, problems=problems), question


def _read_objects(
    objects: dict[str, Any] | None, answer: str, size: Size
) -> tuple[tuple[Detection, ...], tuple[str, ...]]:
    if objects:
        pairs = zip(objects["ref"], objects["bbox"], strict=True)
        return tuple(Detection(_text(label), _from_grid(box, size)) for label, box in pairs), ()
    reading = read_answer(answer, size)
    return reading.detections, reading.problems


def _from_grid(numbers: Sequence[float], size: Size) -> Box:
    x1, y1, x2, y2 = map(float, numbers)
    return from_grid(x1, y1, x2, y2, size)


def _text(label: Any) -> str:
    if not isinstance(label, str):
        raise ValueError(f"label {label!r} is not a text")
    return label
