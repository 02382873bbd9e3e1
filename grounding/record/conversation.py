"""A training record as typed data: its images, and its conversation as the model is trained on it."""

from dataclasses import dataclass
from typing import Any

from grounding.answers.asked import Asked, as_asked
from grounding.answers.reader import read_answer
from grounding.boxes import GRID, Size
from grounding.candidates.candidate_list import CandidateList, read_candidates
from grounding.markup import IMAGE_PLACEHOLDER
from grounding.record.box_pictures import pictures_of_boxes
from grounding.record.filling import fill_placeholders
from grounding.record.replay_mark import is_replayed
from grounding.regions.region_mark import Region, asks_for_words, read_region
from grounding.samples import Reading
from grounding.views.view_mark import Views, read_views
from grounding.yes_no.yes_no_mark import asks_yes_or_no

_ON_GRID = Size(GRID, GRID)


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
    (`is_replay`) a model's own words, which alone may have no image. `box_pictures` has the index of its
    image for each of the boxes that fill placeholders. `candidates` are those that the first question lists,
    None without any. With `views`, all images but the first show parts of it, and answers are about the first
    alone.
    """

    images: tuple[str, ...]
    turns: tuple[Turn, ...]
    is_yes_no: bool = False
    region: Region | None = None
    is_replay: bool = False
    box_pictures: tuple[int, ...] = ()
    candidates: CandidateList | None = None
    views: Views | None = None

    @property
    def image(self) -> str:
        """The first image; all records have one, but for those that replay words."""
        return self.images[0]

    @property
    def pictures(self) -> tuple[str, ...]:
        """The images that answers are about: all but views of the first."""
        return self.images if self.views is None else self.images[:1]

    @property
    def names_objects(self) -> bool:
        """Whether the first answer names objects with boxes, or says that there are none."""
        return not self.is_yes_no and self.region is None and not self.is_replay

    @property
    def answers(self) -> tuple[str, ...]:
        """The texts of the assistant's turns."""
        return tuple(turn.text for turn in self.turns if turn.role == "assistant")

    @property
    def shown(self) -> tuple[int, ...]:
        """For each answer, how many of the pictures were shown before it: at least the first."""
        seen, shown = 0, []
        if self.views is not None:
            return (1,) * len(self.answers)
        for turn in self.turns:
            seen += turn.text.count(IMAGE_PLACEHOLDER) if turn.role == "user" else 0
            if turn.role == "assistant":
                shown.append(min(max(seen, 1), len(self.images)))
        return tuple(shown) if seen == len(self.images) else (len(self.images),) * len(shown)

    def read_answers(self, asked: Size | Asked) -> Reading:
        """Read the objects back from all answers that can name some, boxes in images of these sizes.

        `Size(GRID, GRID)` leaves the boxes on the 0..1000 grid, those of all pictures. An answer is about the
        pictures that were shown before it. The reading has no spans.

        Raises:
            ValueError: not one size for each of the `pictures`.
        """
        pictures = len(self.pictures)
        asked = Asked((asked,) * max(1, pictures)) if asked == _ON_GRID else as_asked(asked)
        if pictures and len(asked.sizes) != pictures:
            raise ValueError(f"{len(asked.sizes)} sizes of {pictures} images")
        candidates = () if self.candidates is None else self.candidates.boxes_in(asked.sizes[0])
        shown = [Asked(asked.sizes[: max(1, count)], candidates) for count in self.shown]
        pairs = list(zip(self.answers, shown, strict=True))
        if self.names_objects:
            readings = [read_answer(text, about) for text, about in pairs]
        else:  # what follows in words is right, too
            later = [] if self.region is None else pairs[1:]
            readings = [found for text, about in later if (found := read_answer(text, about)).detections]
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
        region, candidates, views = read_region(row), read_candidates(row), read_views(row)
        places = pictures_of_boxes(row.get("objects"), len(images) if views is None else 1)
        if views is not None and len(images) != 1 + len(views.regions):
            raise ValueError(
                f"{len(images)} images, the first and {len(views.regions)} views of it are meant"
            )
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        what = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"not a training record ({what})") from error
    turns = tuple(map(Turn, roles, texts))
    return Record(images, turns, asks_yes_or_no(row), region, is_replay, places, candidates, views)


def asks_for_boxes(row: Any) -> bool:
    """Tell whether a row of the JSONL asks where objects are: not whether a box is right, nor for words."""
    return not (asks_yes_or_no(row) or asks_for_words(row) or is_replayed(row))
