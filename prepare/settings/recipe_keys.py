"""The keys of recipes/prepare/*.yaml, and the values that each of them takes."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from grounding.candidates.candidate_settings import CandidateQuestions
from grounding.categories import COCO_CATEGORIES, Category, number_categories
from grounding.recipe.checks import check_part, check_share, check_word
from grounding.recipe.schema import setting
from grounding.views.view_settings import ViewSettings
from prepare.settings.describing_questions import DescribingQuestions
from prepare.settings.question_settings import (
    CalibrationPart,
    Negatives,
    RelationQuestions,
    YesNoQuestions,
)
from prepare.sources.source_settings import SourceSettings

if TYPE_CHECKING:
    from grounding.prompts import Wording

VERIFICATIONS = ("decode", "header")
EXIF_CHOICES = ("drop", "turned", "stored")

ORDERS = ("source", "reading", "area")
"""Order of an answer's objects: as the source lists them; by the top left corner, top to bottom, then left to
right; largest first."""

OVERFLOWS = ("drop", "turns")
"""What happens to an answer with more than `max_objects`: it is left out, or cut into several turns."""


@dataclass(frozen=True)
class RecipeKeys(ViewSettings):
    """Everything that decides what the data set holds."""

    source: SourceSettings = field(default_factory=SourceSettings)
    categories: Any = setting(
        "coco, a list of names (coco_parquet: in the order of its indices), or source: those it names", "coco"
    )
    output_dir: str = setting("folder of the data set")
    total_samples: int | None = setting("images in train and val together; null: all", 15000)
    val_ratio: float = setting("share of total_samples that is for validation", 0.01)
    test_set: bool = setting(
        "for evaluation alone: all images are for validation, those without objects too; none for training",
        False,
    )
    calibration: CalibrationPart = field(default_factory=CalibrationPart)
    seed: int = setting("decides which images are drawn, and their order", 42)
    answer_format: str = setting("objects (grounding tokens) or json (Qwen3-VL's own list)", "objects")
    prompt: Any = setting("question: a name in grounding/wordings.yaml, or a list of names", "task")
    language: str = setting("of the questions: en, zh, or any (drawn for each question)", "en")
    negatives: Negatives = field(default_factory=Negatives)
    yes_no: YesNoQuestions = field(default_factory=YesNoQuestions)
    regions: DescribingQuestions = field(default_factory=DescribingQuestions)
    relations: RelationQuestions = field(default_factory=RelationQuestions)
    candidates: CandidateQuestions = field(default_factory=CandidateQuestions)
    descriptions: bool = setting("answers state the source's description of each object that has one", False)
    order: str = setting("of an answer's objects: source, reading, or area", "source")
    min_grid_size: int = setting("answers leave out boxes with a shorter side, of 1000 steps", 1)
    max_objects: int | None = setting("most objects in an answer; null: all", None)
    overflow: str = setting("longer answers: drop the question (in train), or cut into several turns", "drop")
    verify: str = setting(
        "refuse drawn images that Pillow does not decode, or only those that it does not open (header)",
        "decode",
    )
    exif: str = setting(
        "images with an EXIF orientation: drop, or boxes are of the turned or of the stored view",
        "drop",
    )
    max_bad_share: float = setting("stop if more than this share of the images is damaged or missing", 0.01)
    overwrite: bool = setting("replace another data set in output_dir", False)

    @property
    def wordings(self) -> "tuple[Wording, ...]":
        """The templates of the questions.

        Raises:
            UserError: `prompt` or `language` names none.
        """
        from grounding.prompts import find_wordings

        return find_wordings(self.prompt, self.language)

    @property
    def asks_relations(self) -> bool:
        """Whether questions about computed phrases are asked."""
        from grounding.prompts import RELATION

        return any(wording.asks == RELATION for wording in self.wordings)

    @property
    def resolved_categories(self) -> tuple[Category, ...]:
        """The categories by the source's index; empty if the source names them.

        Raises:
            UserError: names that are empty or repeated.
            ValueError: neither "coco" nor a list of names.
        """
        if self.categories == "coco":
            return COCO_CATEGORIES
        if self.categories == "source":
            return ()
        names = self.categories
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise ValueError("categories: write coco, or a list of names such as [cat, dog], or source")
        return number_categories(names)

    def check_values(self) -> None:
        """Check the value of each key by itself.

        Raises:
            ValueError: a choice that does not exist, or a number out of its range.
            UserError: `prompt` or `regions.prompt` names no wording, or categories are empty or repeated.
        """
        self._check_sizes()
        self._check_answers()
        _ = self.wordings
        for part in (self.calibration, self.negatives, self.relations, self.yes_no, self.candidates):
            part.check()
        self.regions.check(self.language)
        self.check_views()
        check_word("verify", self.verify, VERIFICATIONS)
        check_word("exif", self.exif, EXIF_CHOICES)
        check_share("max_bad_share", self.max_bad_share)
        _ = self.resolved_categories, self.source.resolved_hub

    def _check_sizes(self) -> None:
        total = self.total_samples
        if total is not None and total < 1:
            raise ValueError(f"total_samples: {total} is not a positive number of images")
        check_part("val_ratio", self.val_ratio)
        if total is not None and round(total * self.val_ratio) >= total:
            raise ValueError(f"val_ratio: {self.val_ratio} leaves nothing of {total} for training")
        if not self.output_dir.strip():
            raise ValueError("output_dir: the name of a folder is needed")

    def _check_answers(self) -> None:
        from grounding.answers.forms import ANSWER_FORMATS
        from grounding.boxes import GRID

        check_word("answer_format", self.answer_format, ANSWER_FORMATS)
        check_word("order", self.order, ORDERS)
        check_word("overflow", self.overflow, OVERFLOWS)
        if not 1 <= self.min_grid_size <= GRID:
            raise ValueError(f"min_grid_size: {self.min_grid_size} is not a number of steps from 1 to {GRID}")
        if self.max_objects is not None and self.max_objects < 1:
            raise ValueError(f"max_objects: {self.max_objects} is not a positive number of objects")
