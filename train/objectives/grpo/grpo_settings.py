"""The settings of GRPO: the mapping under `grounding_grpo` in a train recipe."""

from dataclasses import dataclass
from typing import Any

from grounding.recipe.schema import setting
from train.objectives.settings_mapping import settings_of_mapping

KEY = "grounding_grpo"
BOXES = "boxes"
"""The reward of this project, `grounding.reward.answer_reward`."""
DIFFICULTY = (0.1, 0.9)
"""Questions with a lower mean reward are hopeless, those with a higher one are solved."""


@dataclass(frozen=True, kw_only=True)
class GrpoSettings:
    """How answers are sampled, rewarded and learned from.

    Every update samples answers to `prompts` questions on each data-parallel process, `group` answers each.
    """

    group: int = setting("answers sampled to a question", 8)
    prompts: int = setting("questions in an update, on each data-parallel process", 4)
    temperature: float = setting("at which tokens are sampled", 1.0)
    top_p: float = setting("sample from the most likely tokens that together have this probability", 1.0)
    max_new_tokens: int = setting("longest answer; one that is cut gets no reward", 512)
    at_once: int = setting("answers sampled at a time: fewer need less memory (0: all of an update)", 0)
    clip_low: float = setting("a token's probability counts down to 1 - clip_low of what it was", 0.2)
    clip_high: float = setting("and up to 1 + clip_high", 0.28)
    kl: float = setting("weight of the distance to the start (0: none)", 0.0)
    inner_epochs: int = setting("times that the answers of an update are learned from", 1)
    refills: int = setting("further draws of questions where all answers to one get the same reward", 2)
    truth: bool = setting("let the true answer take part where all answers to a question fail", True)
    graded: str = setting("graded.jsonl of infer.mine: ask the questions of this difficulty alone", "")
    difficulty: tuple[float, float] = setting("least and most mean reward of a graded question", DIFFICULTY)
    keep_best: bool = setting("end with the weights of the evaluation with the highest F1 (box curves)", True)
    reward: str = setting("boxes, or a function of your own: path/to/file.py:function", BOXES)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a number out of its range, or a reward that does not exist.
        """
        for name, least in (("group", 2), ("prompts", 1), ("max_new_tokens", 1), ("inner_epochs", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{KEY}.{name}: {getattr(self, name)} is less than {least}")
        if self.temperature <= 0:
            raise ValueError(
                f"{KEY}.temperature: {self.temperature}: must be above 0, or all answers are one"
            )
        if not 0 < self.top_p <= 1:
            raise ValueError(f"{KEY}.top_p: {self.top_p} is not above 0 and up to 1")
        if not 0 < self.clip_low < 1 or self.clip_high <= 0:
            raise ValueError(f"{KEY}.clip_low must be between 0 and 1, and clip_high above 0")
        if min(self.kl, self.refills, self.at_once) < 0:
            raise ValueError(f"{KEY}.kl, refills and at_once must be 0 or more")
        low, high = self.difficulty
        if not 0 <= low < high <= 1:
            raise ValueError(
                f"{KEY}.difficulty: [{low}, {high}]: write two numbers from 0 to 1, the less first"
            )
        if self.difficulty != DIFFICULTY and not self.graded:
            raise ValueError(
                f"{KEY}.difficulty needs {KEY}.graded, the graded.jsonl of `python -m infer.mine`"
            )
        if self.reward != BOXES and not _is_file_and_function(self.reward):
            raise ValueError(f"{KEY}.reward: '{self.reward}' is neither {BOXES} nor path/to/file.py:function")


def read_grpo(given: Any) -> GrpoSettings | None:
    """Read the value of the key in a recipe; None switches GRPO off.

    Raises:
        ValueError: no mapping, an unknown key, a wrong type, or a value out of its range.
    """
    if given is None:
        return None
    return settings_of_mapping(KEY, GrpoSettings, given, "{group: 8}")


def _is_file_and_function(text: str) -> bool:
    path, _, name = text.rpartition(":")
    return path.endswith(".py") and name.isidentifier()
