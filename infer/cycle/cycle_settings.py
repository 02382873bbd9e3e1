"""The settings of `python -m infer.cycle`."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from grounding.recipe.schema import setting
from infer.engines.settings import CALIBRATED, YES_NO, EngineSettings, check_counts
from infer.recipe import ANSWER_UNITS, SAME_ANSWERS, InferRecipe


@dataclass(frozen=True, kw_only=True)
class CycleRunSettings(EngineSettings):
    """Which model finds the boxes of descriptions, and how it is asked."""

    dataset: str | None = setting("the predictions' data set (null: the one that infer.yaml names)", None)
    wording: str | None = setting(
        "of grounding/wordings.yaml, in which the model is asked (null: the data set's)", None
    )
    answer_units: str = setting(" | ".join(ANSWER_UNITS) + ": of the coordinates in answers", ANSWER_UNITS[0])
    limit: int | None = setting("ask about the first N descriptions only (null: all)", None)
    overwrite: bool = setting("replace the boxes that another model or other settings have found", False)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a choice that does not exist, or a number out of its range.
        """
        if self.score in (CALIBRATED, YES_NO):
            raise ValueError(f"score: {self.score} is not made here: the best box is taken by another score")
        if self.tensor_parallel > 1:
            raise ValueError("tensor_parallel: this command asks one process, or a server (engine=openai)")
        check_counts(self, ("limit",))
        self.recipe(Path(), Path())

    def recipe(self, dataset: Path, folder: Path) -> InferRecipe:
        """Return the recipe by which the questions are asked.

        Raises:
            ValueError: a value that it refuses.
        """
        own = {"dataset": str(dataset), "output_dir": str(folder)}
        given = {key: getattr(self, key) for key in type(self).__dataclass_fields__ if key != "limit"}
        return InferRecipe(**{**given, **own})

    def asked_keys(self) -> dict[str, Any]:
        """Return the keys that change the answers; the questions are told by their fingerprint."""
        left_out = {*SAME_ANSWERS, "dataset", "limit", *(() if self.uses_box_head else ("boxes", "box_head"))}
        return {key: value for key, value in asdict(self).items() if key not in left_out}
