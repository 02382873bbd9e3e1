"""The keys `negatives`, `yes_no`, `relations` and `calibration` of a prepare recipe."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grounding.recipe.checks import check_part, check_word
from grounding.recipe.schema import setting

if TYPE_CHECKING:
    from grounding.prompts import Wording

NEGATIVE_CHOICES = ("random", "popular", "adversarial", "mixed")
"""How absent things are chosen; mixed draws one of the other three for each question."""


@dataclass(frozen=True)
class Negatives:
    """Questions about what is not in the picture."""

    share: float = setting("share of questions about what is not in the picture, 0 to below 1", 0.0)
    choice: str = setting(
        "how absent categories or expressions are chosen: random, popular, adversarial, or mixed", "random"
    )

    def check(self) -> None:
        """Check the values.

        Raises:
            ValueError: a choice that does not exist, or a share out of its range.
        """
        check_word("negatives.choice", self.choice, NEGATIVE_CHOICES)
        check_part("negatives.share", self.share)


@dataclass(frozen=True)
class YesNoQuestions:
    """Training questions whether a box is right; half of the boxes are wrong."""

    share: float = setting("share of train's records that ask whether a box is right, 0 to below 1", 0.0)
    show: str = setting(
        "how such a question shows the box: outline (a white line), spotlight (all else dimmed), "
        "or text (numbers in the question)",
        "spotlight",
    )

    def check(self) -> None:
        """Check the values.

        Raises:
            ValueError: a choice that does not exist, or a share out of its range.
        """
        from grounding.yes_no.shown_box import SHOWS

        check_word("yes_no.show", self.show, SHOWS)
        check_part("yes_no.share", self.share)

    def wordings(self, language: str) -> "tuple[Wording, ...]":
        """Return the templates of the questions; () without any."""
        from grounding.prompts import yes_no_wordings
        from grounding.yes_no.shown_box import TEXT

        return yes_no_wordings(language, states_box=self.show == TEXT) if self.share else ()


@dataclass(frozen=True)
class RelationQuestions:
    """Questions about phrases that are computed from boxes, labels and attributes (prompt=relation)."""

    most: int = setting("most questions about computed phrases for an image (prompt=relation)", 4)

    def check(self) -> None:
        """Check the value.

        Raises:
            ValueError: not a positive number.
        """
        if self.most < 1:
            raise ValueError(f"relations.most: {self.most} is not a positive number of questions")


@dataclass(frozen=True)
class CalibrationPart:
    """Training images that no model is trained on: `python -m infer.calibrate` fits scores to them."""

    share: float = setting("share of the training images for calibration.jsonl, 0 to below 1", 0.0)

    def check(self) -> None:
        """Check the value.

        Raises:
            ValueError: a share out of its range.
        """
        check_part("calibration.share", self.share)
