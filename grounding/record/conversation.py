"""A training record as typed data: its images, and its conversation as the model is trained on it."""

from dataclasses import dataclass
from typing import Any

from grounding.answers.reader import read_answer
from grounding.boxes import Size
from grounding.candidates.candidate_list import CandidateList, read_candidates
from grounding.record.filling import fill_placeholders
from grounding.record.replay_mark import is_replayed
from grounding.regions.region_mark import Region, asks_for_words, read_region
from grounding.samples import Reading
from grounding.yes_no.yes_no_mark import asks_yes_or_no


@dataclass(frozen=True)
class Turn:
    """One message of a conversation: the role, and the text with its placeholders filled."""

    role: str
    text: str


@dataclass(frozen=True)
class Record:
    """A row of the JSONL; image paths are relative to its folder, the first message can be the system's.

    `is_yes_no` records ask whether a box is right, and records with a `region` for words about it, before
    they may go on with other questions; these answers name no objects. Nor do those of records that replay
    (`is_replay`) a model's own words, which alone may have no image. `candidates` are those that the first
    question lists, None without any.
    """

    images: tuple[str, ...]
    turns: tuple[Turn, ...]
    is_yes_no: bool = False
    region: Region | None = None
    is_replay: bool = False
    candidates: CandidateList | None = None

    @property
    def image(self) -> str:
        """The first image; all records have one, but for those that replay words."""
        return self.images[0]

    @property
    def names_objects(self) -> bool:
        """Whether the first answer names objects with boxes, or says that there are none."""
        return not self.is_yes_no and self.region is None and not self.is_replay

    @property
    def answers(self) -> tuple[str, ...]:
        """The texts of the assistant's turns."""
        return tuple(turn.text for turn in self.turns if turn.role == "assistant")

    def read_answers(self, size: Size) -> Reading:
        """Read the objects back from all answers that can name some, boxes in an image of this size.

        `Size(GRID, GRID)` leaves the boxes on the 0..1000 grid. The reading has no spans.
        """
        candidates = () if self.candidates is None else self.candidates.boxes_in(size)
        if self.names_objects:
            readings = [read_answer(text, size, candidates=candidates) for text in self.answers]
        else:  # what follows in words is right, too
            later = () if self.region is None else self.answers[1:]
            readings = [reading for text in later if (reading := read_answer(text, size)).detections]
        return Reading(
            tuple(detection for reading in readings for detection in reading.detections),
            tuple(problem for reading in readings for problem in reading.problems),
        )


def parse_record(row: dict[str, Any]) -> Record:
    """Read a row of the JSONL.

    Raises:
        ValueError: it lacks a part of a record; `python -m prepare.check` says what is wrong.
    """
    try:
        roles = [message["role"] for message in row["messages"]]
        texts = fill_placeholders([message["content"] for message in row["messages"]], row.get("objects"))
        images = tuple(row["images"])
        is_replay = is_replayed(row)
        if not (images or is_replay) or not all(isinstance(image, str) for image in images):
            raise ValueError("images is not a list of paths")
        if not all(isinstance(role, str) for role in roles):
            raise ValueError("a role is not a text")
        region, candidates = read_region(row), read_candidates(row)
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        what = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"not a training record ({what})") from error
    return Record(images, tuple(map(Turn, roles, texts)), asks_yes_or_no(row), region, is_replay, candidates)


def asks_for_boxes(row: Any) -> bool:
    """Tell whether a row of the JSONL asks where objects are: not whether a box is right, nor for words."""
    return not (asks_yes_or_no(row) or asks_for_words(row) or is_replayed(row))
