"""The settings of score=yes_no: which boxes are asked about, and how the question shows them."""

from dataclasses import dataclass

from grounding.recipe.schema import setting

SHOWN_BY_DEFAULT = "spotlight"
"""How a box is shown where neither the recipe nor the data set says it: as `prepare` does without the key."""


@dataclass(frozen=True)
class YesNoSettings:
    """The band of doubtful token scores, and the way to show a box."""

    show: str | None = setting(
        "score=yes_no: how a box is shown, outline, spotlight or text (null: as the data set trained it)",
        None,
    )
    low: float = setting("score=yes_no: boxes with a lower token score are not asked about", 0.0)
    high: float = setting("score=yes_no: boxes with a higher token score are not asked about", 0.99)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a way to show a box that does not exist, or a band outside 0 to 1.
        """
        from grounding.yes_no.shown_box import SHOWS

        if self.show is not None and self.show not in SHOWS:
            raise ValueError(f"yes_no.show: '{self.show}' is not one of {', '.join(SHOWS)}")
        if not 0 <= self.low <= self.high <= 1:
            raise ValueError(
                f"yes_no.low and yes_no.high: {self.low:g} to {self.high:g} is no range within 0 to 1"
            )
