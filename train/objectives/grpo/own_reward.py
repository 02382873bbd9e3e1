"""The reward of sampled answers: ours, or a function in a file of the user's."""

import importlib.util
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from grounding.boxes import Box
from grounding.errors import UserError
from grounding.reward import answer_reward
from grounding.samples import Detection, Reading
from train.objectives.grpo.grpo_settings import BOXES

Reward = Callable[[Reading, Sequence[Detection], Sequence[str]], float]
"""What a function of the user's must be.

It gets the reading of an answer (`detections` in pixels of the image, and `problems`, the names of whatever
could not be read), the objects that the question asks for, () where it asks for an absent one, and further
problems: `truncated` for an answer that reached the length limit. Where a question shows several pictures,
`picture` of a detection or an object is the index of its own, from 0. It returns the reward, a finite number;
an answer that is worth nothing must get 0 or less.
"""

EXAMPLE = Detection("object", Box(0.0, 0.0, 10.0, 10.0))
"""What a reward is tried on before anything starts: an answer with the one object that is asked for."""


def load_reward(text: str) -> Reward:
    """Return the reward that a recipe names: `boxes`, or `FILE.py:FUNCTION`, which is tried on an example.

    Raises:
        UserError: no such file or function, the file cannot be run, or it returns no finite number.
    """
    if text == BOXES:
        return answer_reward
    path, _, name = text.rpartition(":")
    given = getattr(_run(Path(path)), name, None)
    if not callable(given):
        raise UserError(f"{path}: no function '{name}': it must take (reading, wanted, problems)")

    def reward(reading: Reading, wanted: Sequence[Detection], problems: Sequence[str]) -> float:
        value = given(reading, wanted, problems)
        if isinstance(value, int | float) and math.isfinite(value):
            return float(value)
        raise UserError(f"{text}: returned {value!r}: a reward must be a finite number")

    try:
        reward(Reading((EXAMPLE,), ()), (EXAMPLE,), ())
    except UserError:
        raise
    except Exception as error:  # whatever the user's code raises is reported as theirs
        raise UserError(
            f"{text}: {_named(error)} for an answer with the one object that is asked for"
        ) from error
    return reward


def _run(file: Path) -> Any:
    """Run a file of the user's as a module of its own."""
    if not file.is_file():
        raise UserError(f"{file}: no such file")
    spec = importlib.util.spec_from_file_location(f"_reward_of_{file.stem}", file)
    assert spec is not None  # its name ends with .py
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's code raises is reported as theirs
        raise UserError(f"{file}: cannot be run: {_named(error)}") from error
    return module


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
