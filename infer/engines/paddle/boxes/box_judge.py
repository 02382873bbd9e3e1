"""A box head at work: it corrects and judges the boxes of finished answers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from infer.engines.kept import Kept
from infer.engines.paddle.boxes.box_places import WrittenPlaces, box_places
from infer.engines.paddle.boxes.box_states import read_box_states
from infer.engines.protocol import HeadBox, RawAnswer
from infer.engines.token_texts import split_text
from models.family import ForwardPass, Prompt
from models.heads.box import Weights, apply_box_head, kept_inside

SHARE_DIGITS, SMALLEST, DIGITS = 5, 1e-4, 4
"""Shares and scores are rounded, and scores above 0: further digits depend on the batch around an answer."""


@dataclass(frozen=True, eq=False)
class AnsweredPrompt:
    """A prompt, the tokens of its answer, and the answer's text as far as the engine keeps it."""

    prompt: Prompt
    token_ids: Sequence[int]
    text: str


@dataclass(frozen=True, eq=False)
class StatesOfBoxes:
    """The boxes of an answer, and their states (boxes, places, width) in float32, None without a box."""

    boxes: Sequence[WrittenPlaces]
    states: Any


def read_answered(
    forward: ForwardPass, tokenizer: Any, answered: Sequence[AnsweredPrompt], pad_id: int, kept: Kept
) -> list[StatesOfBoxes]:
    """Return the boxes of answers with their states."""
    boxes = [
        box_places(item.text, split_text(tokenizer, item.token_ids), in_thought=item.prompt.opens_thought)
        for item in answered
    ]
    prompts, ids = [item.prompt for item in answered], [item.token_ids for item in answered]
    states = read_box_states(forward, prompts, ids, boxes, pad_id, kept)
    return [StatesOfBoxes(*pair) for pair in zip(boxes, states, strict=True)]


@dataclass(frozen=True, eq=False)
class BoxJudge:
    """The weights of a head; `corrects` tells whether its boxes take the place of the written ones."""

    weights: Weights
    corrects: bool

    def judge(self, answer: RawAnswer, read: StatesOfBoxes) -> RawAnswer:
        """Return an answer with what the head says about each of its boxes."""
        import paddle
        from paddle.nn.functional import sigmoid

        if not read.boxes:
            return answer
        written = paddle.to_tensor([box.shares for box in read.boxes], dtype="float32")
        corrected, logits = apply_box_head(self.weights, read.states, written)
        boxes = kept_inside(corrected, written).tolist()
        judged = zip(read.boxes, boxes, sigmoid(logits).tolist(), strict=True)
        found = [
            HeadBox(box.span, self._shares(shares), max(SMALLEST, round(match, DIGITS)))
            for box, shares, match in judged
        ]
        return replace(answer, head_boxes=tuple(found))

    def _shares(self, shares: Sequence[float]) -> tuple[float, float, float, float] | None:
        if not self.corrects:
            return None
        x1, y1, x2, y2 = (round(share, SHARE_DIGITS) for share in shares)
        return x1, y1, x2, y2
