"""The stages between a question and its boxes, and the answers of two engines side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grounding.boxes import Size
from infer.parity.frozen_prompts import AskedPrompt
from infer.parity.seen import SeenAnswer, SeenByEngine, SeenInputs

TEMPLATE, IMAGE_SIZE, PIXELS = "template", "image size", "pixels"
POSITIONS, FIRST_TOKEN, DECODING, SCORES = "positions", "first token", "decoding", "scores"


@dataclass(frozen=True)
class Difference:
    """The first stage that differs, and how."""

    stage: str
    detail: str


@dataclass(frozen=True)
class Pair:
    """A question, and what two engines made of it."""

    asked: AskedPrompt
    ours: SeenAnswer
    theirs: SeenAnswer
    is_resized: bool

    @property
    def inputs(self) -> tuple[SeenInputs, SeenInputs]:
        """What goes into the models, of two engines that both show it."""
        assert self.ours.inputs is not None
        assert self.theirs.inputs is not None
        return self.ours.inputs, self.theirs.inputs


@dataclass(frozen=True)
class SideBySide:
    """The answers of two engines to the same questions, and the tokenizer of our engine."""

    pairs: Sequence[Pair]
    ours: SeenByEngine
    theirs: SeenByEngine
    tokenizer: Any

    def settings_text(self, key: str) -> str:
        """Return a setting in which the two engines differ, "" if they do not or one is not known."""
        own, other = self.ours.settings.get(key), self.theirs.settings.get(key)
        return "" if own is None or other is None or own == other else f" ({key} {own} here, {other} there)"


def pair_answers(
    asked: Sequence[AskedPrompt], ours: SeenByEngine, theirs: SeenByEngine, tokenizer: Any, patch: int
) -> SideBySide:
    """Put the answers of two engines side by side; `patch` is the side of a patch in pixels."""
    pairs = []
    for question, own, other in zip(asked, ours.answers, theirs.answers, strict=True):
        assert own.inputs is not None
        seen = tuple(Size(columns * patch, rows * patch) for rows, columns in own.inputs.grids)
        is_resized = seen != question.asked.sizes
        pairs.append(Pair(question, own, other, is_resized))
    return SideBySide(pairs, ours, theirs, tokenizer)


def parting_place(own: Sequence[Any], other: Sequence[Any]) -> int:
    """Return the first place where two sequences differ; or the end of the shorter one."""
    places = (place for place, (a, b) in enumerate(zip(own, other, strict=False)) if a != b)
    return next(places, min(len(own), len(other)))
