"""Answers about regions: what predictions.jsonl has of them, beside the phrases that are true."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from grounding.boxes import GridBox
from grounding.errors import UserError
from grounding.predictions.prediction_rows import parse_prediction
from grounding.regions.region_mark import Region, read_region
from infer.scoring.words.answer_words import is_chinese, words_of_answer

RegionKey = tuple[int, GridBox, str, str, int]
"""Image id, box, how it is shown, the question, and how often the same came before: the same in two runs."""


@dataclass(frozen=True)
class GivenDescription:
    """A region with the answer that describes it.

    `image` is the picture that was shown, relative to the data set's folder. `cycle_iou` is the IoU of the
    region and the box that was found for the answer's words; None where they were not asked back.
    """

    image_id: int
    image: str
    question: str
    region: Region
    answer: str
    problems: tuple[str, ...] = ()
    repeat: int = 0
    cycle_iou: float | None = None

    @property
    def key(self) -> RegionKey:
        """What tells the region in another run's predictions."""
        return self.image_id, self.region.box, self.region.show, self.question, self.repeat

    @property
    def picture(self) -> str:
        """The whole picture that the region is part of, relative to the data set's folder."""
        return self.region.image or self.image

    @cached_property
    def words(self) -> str:
        """The answer as one line of words; "" where it has none."""
        return words_of_answer(self.answer)

    @cached_property
    def is_chinese(self) -> bool:
        """Whether a true phrase has Chinese characters."""
        return any(map(is_chinese, self.region.phrases))


def read_given_descriptions(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> tuple[GivenDescription, ...]:
    """Return the answers in rows about regions, given with their places in a file, in a fixed order.

    Raises:
        UserError: a row without image_id or raw, or whose mark is no region.
    """
    seen: Counter[tuple[Any, ...]] = Counter()
    found = []
    for where, row in rows:
        item = _given_description(row, where)
        found.append(GivenDescription(**{**vars(item), "repeat": seen[item.key]}))
        seen[item.key] += 1
    return tuple(sorted(found, key=lambda item: item.key))


def _given_description(row: Mapping[str, Any], where: str) -> GivenDescription:
    try:
        region = read_region(row)
    except ValueError as error:
        raise UserError(f"{where}: {error}: run `python -m infer` again") from error
    assert region is not None  # whoever calls has seen the mark
    if not isinstance(row.get("raw"), str):
        raise UserError(
            f"{where}: an answer about a region needs its text under raw: run `python -m infer` again"
        )
    read = parse_prediction({"detections": [], **row}, where)
    return GivenDescription(read.image_id, read.image, read.question, region, read.raw, read.problems)
