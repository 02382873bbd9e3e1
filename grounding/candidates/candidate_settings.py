"""The part of a prepare recipe about candidates; the card of the data set keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from grounding.errors import UserError
from grounding.recipe.checks import check_share, check_word
from grounding.recipe.schema import setting

DATASET_IDS, INDEX_IDS = "dataset", "index"
ID_CHOICES = (DATASET_IDS, INDEX_IDS)
"""What category_id means without `categories` in the file: an id of the data set, or a place from 0."""

SHARES = ("without", "jitter", "falsified", "dropped", "min_score")


@dataclass(frozen=True)
class CandidateQuestions:
    """Questions that list boxes of a detector; all but `file` matters only with one.

    Validation lists what the detector has found, unchanged. What is changed on purpose is in train alone.
    """

    file: Any = setting(
        "COCO results of a detector (JSON), or a list of such files; questions list its boxes; null: none",
        None,
    )
    ids: str = setting(
        "category_id of a file without categories: dataset (the data set's ids) or index (its places from 0)",
        "dataset",
    )
    most: int = setting("most candidates of a question, those with the best scores", 30)
    min_score: float = setting("candidates with a lower score are left out", 0.0)
    labels: bool = setting("the question says the label of each candidate", True)
    scores: bool = setting("the question says the score of each candidate", False)
    shuffle: bool = setting("numbers are drawn; otherwise the best score is number 1", True)
    good: float = setting(
        "IoU from which an answer names a candidate by its number alone; from 0.5 on it corrects the box", 0.9
    )
    without: float = setting("share of train's records without any candidates", 0.3)
    jitter: float = setting("train: sides of candidates move by up to this share of width and height", 0.05)
    falsified: float = setting("train: share of candidates that are moved, relabelled or invented", 0.2)
    dropped: float = setting("train: share of candidates that are left out", 0.1)

    @property
    def files(self) -> tuple[str, ...]:
        """The paths in `file`; () without any.

        Raises:
            ValueError: neither a path nor a list of different paths.
        """
        if self.file is None:
            return ()
        named = [self.file] if isinstance(self.file, str) else self.file
        are_paths = isinstance(named, (list, tuple)) and all(
            isinstance(path, str) and path.strip() for path in named
        )
        if not are_paths or not named or len(set(named)) != len(named):
            raise ValueError(
                "candidates.file: the path of COCO results, or a list of different ones, is needed"
            )
        return tuple(named)

    def check(self) -> None:
        """Check the values.

        Raises:
            ValueError: a choice that does not exist, or a number out of its range.
        """
        _ = self.files
        check_word("candidates.ids", self.ids, ID_CHOICES)
        for key in SHARES:
            check_share(f"candidates.{key}", getattr(self, key))
        if self.without == 1:
            raise ValueError("candidates.without: 1 leaves no training record with candidates")
        if self.dropped == 1:
            raise ValueError("candidates.dropped: 1 leaves no candidate in train: set candidates.without")
        if self.most < 1:
            raise ValueError(f"candidates.most: {self.most} is not a positive number of candidates")
        if not 0.5 <= self.good <= 1:
            raise ValueError(f"candidates.good: {self.good} is not an IoU from 0.5 to 1")


def trained_candidates(recipe: Mapping[str, Any]) -> CandidateQuestions:
    """Return how a data set lists candidates, by the recipe on its card; the defaults where it lists none.

    Raises:
        UserError: values that no recipe has.
    """
    given: Mapping[str, Any] = recipe.get("candidates") or {}
    known = {field.name for field in fields(CandidateQuestions)} - {"file"}
    settings = CandidateQuestions("given", **{key: value for key, value in given.items() if key in known})
    try:
        settings.check()
    except (TypeError, ValueError) as error:
        raise UserError(f"the data set's card: {error}: prepare the data set again") from error
    return settings
