"""The settings of `python -m infer.pairs`."""

from dataclasses import dataclass
from pathlib import Path

from grounding.recipe.schema import setting
from infer.engines.settings import check_choices
from infer.sampling.sample_settings import SampleSettings, folder_beside

PAIRS, BEST = "pairs", "best"
KEEPS = (PAIRS, BEST)


@dataclass(frozen=True, kw_only=True)
class PairSettings(SampleSettings):
    """Which of the sampled answers are written, and as what."""

    keep: str = setting(
        " | ".join(KEEPS)
        + ": a pair of the best and the worst answer to each question, for stage VL-DPO; or "
        "the best answer alone, as a record for supervised fine-tuning",
        PAIRS,
    )
    good: float = setting("reward, 0 to 1, from which a sampled answer may be chosen", 0.5)
    truth: bool = setting(
        "where no sampled answer is good, the record's own answer is chosen (false: the question is dropped)",
        True,
    )
    margin: float = setting("pairs: the rewards of both answers differ at least by this", 0.1)
    val_share: float = setting("pairs: share of the images that is kept apart, for evaluation", 0.05)
    output_dir: str | None = setting(
        "folder of the data set that is written (null: pairs/ or best/ in the checkpoint's folder)", None
    )

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a choice that does not exist, or a number out of its range.
        """
        super().__post_init__()
        check_choices(self, {"keep": KEEPS})
        for key in ("good", "margin"):
            if not 0 < getattr(self, key) <= 1:
                raise ValueError(f"{key}: {getattr(self, key)} is not above 0 and up to 1")
        if not 0 <= self.val_share < 1:
            raise ValueError(f"val_share: {self.val_share} is not 0 or more and below 1")
        if self.keep == PAIRS and self.answers < 2 and not self.truth:
            raise ValueError("answers: a pair needs 2 or more, or truth=true")

    def output_path(self, checkpoint: str) -> Path:
        """Return the folder of the data set that is written.

        Raises:
            UserError: none is set, and the checkpoint is no folder of this machine.
        """
        return folder_beside(self.output_dir, checkpoint, self.keep)
