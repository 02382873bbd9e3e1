"""Answers of two engines, made for the tests of parity."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from grounding.boxes import Size
from infer.engines.protocol import Request
from infer.parity.frozen_prompts import AskedPrompt
from infer.parity.seen import SeenAnswer, SeenInputs
from infer.parity.stages import Pair, SeenByEngine, SideBySide

SIZES = (Size(64, 64), Size(100, 75))
"""Of which the second is resized."""

INPUTS = SeenInputs((1, 2, 3), ((2, 2),), np.zeros((4, 6)), np.zeros((3, 6)))
ANSWER = SeenAnswer("red(1,2),(3,4)", ("red", "(1,2),(3,4)"), (-0.5, -0.25), 40, INPUTS)


class Words:
    """A tokenizer whose tokens are words."""

    def decode(self, ids: list[int]) -> str:
        return " ".join({9: "<think>"}.get(token, str(token)) for token in ids)

    def __call__(self, text: str, *, add_special_tokens: bool) -> dict[str, list[int]]:
        del text, add_special_tokens
        return {"input_ids": [1, 2, 3, 4]}


def comparison(*theirs: SeenAnswer, ours: SeenAnswer = ANSWER, **settings: Any) -> SideBySide:
    """Return our answer beside others, about a picture that is not resized, one that is, and so on."""
    pairs = []
    for number, other in enumerate(theirs):
        size = SIZES[number % 2]
        asked = AskedPrompt(Request((Path(__file__),), "", "<image>?"), size)
        pairs.append(Pair(asked, ours, other, is_resized=bool(number % 2)))
    own = SeenByEngine("paddle", (ours,) * len(theirs), {"dtype": "float32", "resample": 3})
    return SideBySide(pairs, own, SeenByEngine("other", theirs, settings), Words())


def with_inputs(**changes: Any) -> SeenAnswer:
    return replace(ANSWER, inputs=replace(INPUTS, **changes))
