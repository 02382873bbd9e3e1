"""The settings of `python -m train.blend`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.recipe.checks import check_share
from grounding.recipe.schema import setting

KEPT_BEST, KEPT_ALL = "best", "all"
KEEPS = (KEPT_BEST, KEPT_ALL)
MOST_ALPHAS = 21

SUITE_KEYS = ("checkpoint", "dataset", "output_dir", "split", "shard")
"""Keys of an infer recipe that this command sets for each point."""


@dataclass(frozen=True)
class BlendSettings:
    """Which points are made of base and tuned model, what they are scored on, and which one is best."""

    new: str = setting("data sets of the new task, which TUNED was trained for, separated by commas")
    old: str = setting("data sets of the old tasks, separated by commas")
    alphas: str = setting("shares of the tuned weights, 0 to 1: 0 is BASE, 1 is TUNED", "0,0.25,0.5,0.75,1")
    output_dir: str | None = setting("folder of points and table (null: blend in TUNED's folder)", None)
    metric: str = setting("key of scores.json that is compared; of several sets, the mean", "AP50")
    least_old: float = setting(
        "the best point has the highest new score of those that keep this share of BASE's old score", 0.95
    )
    keep: str = setting(f"{KEPT_BEST} | {KEPT_ALL}: which points' weights stay on the disk", KEPT_BEST)
    infer: dict[str, Any] = setting(
        "keys of an infer recipe, such as infer.batch_size=16, infer.device=cpu, infer.limit=500",
        default_factory=dict,
    )

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: alphas that are none, a share out of its range, or a key that this command sets.
        """
        if self.keep not in KEEPS:
            raise ValueError(f"keep: '{self.keep}' is not one of {', '.join(KEEPS)}")
        check_share("least_old", self.least_old)
        if own := [key for key in SUITE_KEYS if key in self.infer]:
            raise ValueError(f"infer.{own[0]}: this command sets it: leave it out")
        _ = self.shares

    @property
    def shares(self) -> tuple[float, ...]:
        """The alphas in rising order.

        Raises:
            ValueError: one is no number from 0 to 1, one comes twice, or there are too few or too many.
        """
        try:
            shares = [float(text) for text in self.alphas.strip("[]").split(",")]
        except ValueError as error:
            raise ValueError(f"alphas: '{self.alphas}' are not numbers, such as 0,0.5,1") from error
        if not all(0 <= share <= 1 for share in shares) or len(set(shares)) < len(shares):
            raise ValueError(f"alphas: {self.alphas}: each is from 0 to 1, and comes once")
        if 0 not in shares:
            raise ValueError(f"alphas: {self.alphas}: 0 is needed: what is kept is measured against BASE")
        if not 2 <= len(shares) <= MOST_ALPHAS:
            raise ValueError(f"alphas: {len(shares)} of them: 2 to {MOST_ALPHAS} can be given")
        return tuple(sorted(shares))

    def datasets(self, key: str) -> tuple[Path, ...]:
        """Return the data sets of `new` or `old`.

        Raises:
            UserError: none is named, or one twice.
        """
        names = [name.strip() for name in str(getattr(self, key)).strip("[]").split(",")]
        if not all(names) or len(set(names)) < len(names):
            raise UserError(f"{key}: '{getattr(self, key)}': name data sets, each once, separated by commas")
        return tuple(Path(name).expanduser() for name in names)
