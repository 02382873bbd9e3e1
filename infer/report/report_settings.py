"""The keys of `python -m infer.report` and of its threshold command."""

from dataclasses import dataclass

from grounding.recipe.schema import setting


@dataclass(frozen=True, kw_only=True)
class ReportSettings:
    """What is inspected by which rules, and where the report goes."""

    rules: str = setting("YAML file of rules: recipes/report/rules.yaml shows one")
    output_dir: str | None = setting(
        "folder of the report (null: inspection/ beside a run's predictions)", None
    )
    threshold: str | None = setting(
        "file that `python -m infer.report threshold` writes (null: every box counts)", None
    )
    recipe: str | None = setting(
        "pictures: the infer recipe of the model that is asked; its keys may follow, too", None
    )
    dataset: str | None = setting("the data set whose card is used (null: that of the run or recipe)", None)
    title: str = setting("the first line of the report", "Inspection report")
    shown: int = setting("pictures that report.html shows, the uncertain and the failed first", 60)
    watch: bool = setting("pictures: go on, and inspect each new one as a camera writes it", False)
    settle_seconds: float = setting("watch: a file is finished if it stays unchanged so long", 1.0)
    patience_seconds: float = setting("watch: a file that cannot be decoded counts as damaged after", 60.0)
    idle_seconds: float | None = setting("watch: end after so long without a new picture (null: never)", None)
    overwrite: bool = setting("ask again about pictures that another recipe was asked about", False)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a number out of its range.
        """
        if self.shown < 0:
            raise ValueError(f"shown: {self.shown} is less than 0")
        for key in ("settle_seconds", "patience_seconds", "idle_seconds"):
            value = getattr(self, key)
            if value is not None and not 0 <= value < float("inf"):
                raise ValueError(f"{key}: {value} is not a time, 0 or more")


@dataclass(frozen=True, kw_only=True)
class ThresholdSettings:
    """What a threshold is chosen for: a recall, or two costs."""

    rules: str = setting("YAML file of rules")
    recall: float | None = setting("share of the bad pictures that have to be found, such as 0.95", None)
    cost_missed: float | None = setting("cost of a bad picture that passes, in any unit", None)
    cost_false_alarm: float | None = setting("cost of a good picture that fails, in the same unit", None)
    output: str = setting("file to write", "threshold.json")
    dataset: str | None = setting("prepared data set (null: that of the run)", None)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: neither a recall nor both costs, both of them, or a number out of its range.
        """
        given = [self.cost_missed, self.cost_false_alarm]
        if (self.recall is None) == (given == [None, None]) or given.count(None) == 1:
            raise ValueError("recall: set recall=0.95, or both cost_missed=50 and cost_false_alarm=1")
        if self.recall is not None and not 0 < self.recall < 1:
            raise ValueError(f"recall: {self.recall} is not above 0 and below 1")
        for key in ("cost_missed", "cost_false_alarm"):
            value = getattr(self, key)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"{key}: {value} is not a cost above 0")

    @property
    def wanted(self) -> dict[str, float]:
        """The keys that say what is wanted."""
        keys = ("recall", "cost_missed", "cost_false_alarm")
        return {key: getattr(self, key) for key in keys if getattr(self, key) is not None}

    @property
    def costs(self) -> tuple[float, float]:
        """The costs of a missed picture and of a false alarm; 0 where a recall is wanted."""
        return self.cost_missed or 0.0, self.cost_false_alarm or 0.0
