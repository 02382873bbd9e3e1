r"""The candidates of a question: numbered boxes of a detector, and the lines that list them.

The mark of a record with candidates:

{"messages": [...], "images": [...], "candidates": {"ask": "Candidates of a detector:\n{candidates}",
"boxes": [[x1, y1, x2, y2], ...], "labels": ["dog", ...], "scores": [0.91, ...], "show": ["labels"]}}

Boxes are on the 0..1000 grid, in the order of their numbers. A row of predictions about such a question
carries the same mark.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grounding.answers.asked import Asked
from grounding.answers.candidate_numbers import NUMBER_SIGN
from grounding.answers.forms import ANSWER_FORMATS
from grounding.boxes import Box, GridBox, Size, from_grid, read_grid_boxes
from grounding.errors import in_short
from grounding.markup import find_markup, mark_of_row
from grounding.samples import Detection
from grounding.yes_no.shown_box import write_box

CANDIDATES_KEY = "candidates"
PLACE = "{candidates}"
"""Where the lines stand in the wording that introduces them."""

SHOW_LABELS, SHOW_SCORES = "labels", "scores"


@dataclass(frozen=True)
class ListedCandidate:
    """A box of a detector on the 0..1000 grid, its label and its score in [0, 1], None where unknown."""

    box: GridBox
    label: str | None = None
    score: float | None = None

    def in_pixels(self, size: Size) -> Box:
        """Return the box in pixels of an image of this size."""
        return from_grid(*self.box, size)


@dataclass(frozen=True)
class CandidateList:
    """The candidates of a question in the order of their numbers, and how its text lists them.

    `ask` is the wording around the lines. The text of a line has the label and the score only if they are
    shown; they are known, all the same.
    """

    ask: str
    items: tuple[ListedCandidate, ...]
    shows_labels: bool = True
    shows_scores: bool = False

    def text(self, answer_format: str) -> str:
        """Return what the question says of its candidates: a line for each, numbered from 1."""
        lines = []
        for number, item in enumerate(self.items, start=1):
            parts = [f"{NUMBER_SIGN}{number}"]
            parts += [item.label] if self.shows_labels and item.label else []
            parts.append(write_box(item.box, answer_format))
            parts += [f"{item.score:.2f}"] if self.shows_scores and item.score is not None else []
            lines.append(" ".join(parts))
        return self.ask.replace(PLACE, "\n".join(lines))

    def add_to(self, question: str, answer_format: str) -> str:
        """Return a question with its candidates below it."""
        return f"{question}\n{self.text(answer_format)}"

    def without(self, question: str) -> str | None:
        """Return a question without its candidates; None if they are not below it."""
        for answer_format in ANSWER_FORMATS:
            if question.endswith(below := f"\n{self.text(answer_format)}"):
                return question.removesuffix(below)
        return None

    def boxes_in(self, size: Size) -> tuple[Box, ...]:
        """Return the boxes in pixels of an image of this size, in the order of their numbers."""
        return tuple(item.in_pixels(size) for item in self.items)

    def detections_in(self, size: Size) -> tuple[Detection, ...]:
        """Return the candidates of an image of this size as detections; an unknown label is ""."""
        return tuple(Detection(item.label or "", item.in_pixels(size), item.score) for item in self.items)

    def asked(self, sizes: tuple[Size, ...]) -> Asked:
        """Return what a question about pictures of these sizes asks, with the candidates in the first one."""
        proposals = tuple((item.label, item.score) for item in self.items)
        return Asked(sizes, self.boxes_in(sizes[0]), proposals)

    def as_json(self) -> dict[str, Any]:
        """Return the value of CANDIDATES_KEY in a row."""
        mark: dict[str, Any] = {"ask": self.ask, "boxes": [list(item.box) for item in self.items]}
        if any(item.label is not None for item in self.items):
            mark["labels"] = [item.label for item in self.items]
        if any(item.score is not None for item in self.items):
            mark["scores"] = [item.score for item in self.items]
        shown = {SHOW_LABELS: self.shows_labels, SHOW_SCORES: self.shows_scores}
        return mark | {"show": [name for name, is_shown in shown.items() if is_shown]}


def read_candidates(row: Any) -> CandidateList | None:
    """Return the candidates of a row of the JSONL or of predictions; None if it has none.

    Raises:
        ValueError: a mark that makes no sense; the message says in one line what is wrong.
    """
    mark = mark_of_row(row, CANDIDATES_KEY, "ask", "boxes")
    if mark is None:
        return None
    ask, show = mark["ask"], mark.get("show", [])
    if not isinstance(ask, str) or ask.count(PLACE) != 1 or find_markup(ask):
        raise ValueError(f"{CANDIDATES_KEY}.ask: {in_short(ask)} is no text with one {PLACE}")
    boxes = read_grid_boxes(mark["boxes"], f"{CANDIDATES_KEY}.boxes")
    if not isinstance(show, list) or any(name not in (SHOW_LABELS, SHOW_SCORES) for name in show):
        raise ValueError(
            f"{CANDIDATES_KEY}.show: {in_short(show)} holds more than {SHOW_LABELS}, {SHOW_SCORES}"
        )
    labels, scores = (_column(mark, key, len(boxes)) for key in ("labels", "scores"))
    items = tuple(
        ListedCandidate(box, _read_label(label), _read_score(score))
        for box, label, score in zip(boxes, labels, scores, strict=True)
    )
    return CandidateList(ask, items, SHOW_LABELS in show, SHOW_SCORES in show)


def _column(mark: Mapping[str, Any], key: str, count: int) -> Sequence[Any]:
    values = mark.get(key)
    if values is None:
        return [None] * count
    if not isinstance(values, list) or len(values) != count:
        raise ValueError(
            f"{CANDIDATES_KEY}.{key}: {in_short(values)} is not a list of {count}, as the boxes are"
        )
    return values


def _read_label(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or "\n" in value or find_markup(value):
        raise ValueError(f"{CANDIDATES_KEY}.labels: {in_short(value)} is no line of text without markup")
    return value


def _read_score(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{CANDIDATES_KEY}.scores: {in_short(value)} is not a number from 0 to 1")
    return value if math.isfinite(value) else None
