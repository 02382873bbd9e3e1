"""The settings of `python -m infer.mine`."""

import math
from dataclasses import dataclass
from pathlib import Path

from grounding.recipe.schema import setting
from infer.engines.settings import check_counts
from infer.sampling.sample_settings import SampleSettings, folder_beside

HARD_FOLDER = "hard"
"""Beside a checkpoint: the data set that is mined with it."""


@dataclass(frozen=True, kw_only=True)
class MineSettings(SampleSettings):
    """How many answers are sampled, what counts as hard, and how much of it is written."""

    answers: int = setting("answers sampled per question", 4)
    hard_from: float = setting(
        "hardness, 0 to 1, from which a record is kept: that of its hardest object, or the share of answers "
        "with a wrong box",
        0.5,
    )
    most_repeats: int = setting("how often the hardest records are repeated, others in proportion", 3)
    most_rarity: float = setting(
        "how much more often records with a rare hard object are repeated, at most: the root of how many "
        "times more images show the most frequent category (1: rarity has no effect)",
        3.0,
    )
    negatives: int = setting("absent categories that are asked about, at most for one image (0: none)", 2)
    unannotated: float = setting(
        "share of answers: what more of them find at one place is not asked as absent, as the annotations "
        "may lack it (1: ask all)",
        0.9,
    )
    output_dir: str | None = setting(
        f"folder of the mined data set (null: {HARD_FOLDER}/ in the checkpoint's folder)", None
    )

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a choice that does not exist, or a number out of its range.
        """
        super().__post_init__()
        check_counts(self, ("most_repeats",))
        if not 1 <= self.most_rarity < math.inf:
            raise ValueError(f"most_rarity: {self.most_rarity} is not a number from 1")
        if self.negatives < 0:
            raise ValueError(f"negatives: {self.negatives} is less than 0")
        for key, lowest_is_out in {"hard_from": True, "unannotated": False}.items():
            value = getattr(self, key)
            if not 0 <= value <= 1 or (lowest_is_out and value == 0):
                raise ValueError(f"{key}: {value} is not {'above 0' if lowest_is_out else '0'} and up to 1")

    def output_path(self, checkpoint: str) -> Path:
        """Return the folder of the mined data set.

        Raises:
            UserError: none is set, and the checkpoint is no folder of this machine.
        """
        return folder_beside(self.output_dir, checkpoint, HARD_FOLDER)
