"""The schema of recipes/prepare/*.yaml."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from grounding.candidates.candidate_settings import CandidateQuestions
from grounding.categories import COCO_CATEGORIES, Category, number_categories
from grounding.recipe.schema import setting
from grounding.views.view_settings import GLOBAL_AND_OBJECTS, ViewSettings
from prepare.sources.source_settings import SourceSettings, check_word

if TYPE_CHECKING:
    from grounding.prompts import Wording

VERIFICATIONS = ("decode", "header")
EXIF_CHOICES = ("drop", "turned", "stored")

ORDERS = ("source", "reading", "area")
"""Order of an answer's objects: as the source lists them; by the top left corner, top to bottom, then left to
right; largest first."""

OVERFLOWS = ("drop", "turns")
"""What happens to an answer with more than `max_objects`: it is left out, or cut into several turns."""

EXPRESSION_KINDS = ("phrases", "refcoco", "refcoco_parquet", "visual_genome")
"""Kinds of sources whose questions are about one expression."""

NEGATIVE_CHOICES = ("random", "popular", "adversarial", "mixed")
"""How absent things are chosen; mixed draws one of the other three for each question."""


@dataclass(frozen=True)
class Negatives:
    """Questions about what is not in the picture."""

    share: float = setting("share of questions about what is not in the picture, 0 to below 1", 0.0)
    choice: str = setting(
        "how absent categories or expressions are chosen: random, popular, adversarial, or mixed", "random"
    )


@dataclass(frozen=True)
class YesNoQuestions:
    """Training questions whether a box is right; half of the boxes are wrong."""

    share: float = setting("share of train's records that ask whether a box is right, 0 to below 1", 0.0)
    show: str = setting(
        "how such a question shows the box: outline (a white line), spotlight (all else dimmed), "
        "or text (numbers in the question)",
        "spotlight",
    )


@dataclass(frozen=True)
class DescribingQuestions:
    """Questions for words about a given region; the answers are the texts that the source has of objects."""

    share: float = setting("share of the records that ask for words about a given box, 0 to below 1", 0.0)
    show: Any = setting(
        "how such a question shows the box: spotlight (all else dimmed), outline (a white line), blur (all "
        "else blurred), crop (enlarged beside the picture), text (numbers in the question), or a list to "
        "draw from",
        "spotlight",
    )
    labels: bool = setting("ask also for the category's name where nothing else is known of an object", False)
    dialogue: float = setting(
        "share of these questions that go on with one about boxes, as a second turn, 0 to 1", 0.0
    )
    prompt: Any = setting(
        "question: describe, describe_label, a single wording such as describe_label.en2, or a list of them; "
        "null: all that fit",
        None,
    )

    @property
    def shows(self) -> tuple[str, ...]:
        """The ways to show a box, as a list.

        Raises:
            ValueError: neither a word nor a list of different words.
        """
        from grounding.regions.shown_region import SHOWN_AS

        named = [self.show] if isinstance(self.show, str) else self.show
        is_list = isinstance(named, (list, tuple)) and bool(named)
        if not is_list or not all(isinstance(word, str) for word in named):
            raise ValueError(f"regions.show: one of {', '.join(SHOWN_AS)}, or a list of them is needed")
        for word in named:
            check_word("regions.show", word, SHOWN_AS)
        return tuple(dict.fromkeys(named))


@dataclass(frozen=True)
class RelationQuestions:
    """Questions about phrases that are computed from boxes, labels and attributes (prompt=relation)."""

    most: int = setting("most questions about computed phrases for an image (prompt=relation)", 4)


@dataclass(frozen=True)
class CalibrationPart:
    """Training images that no model is trained on: `python -m infer.calibrate` fits scores to them."""

    share: float = setting("share of the training images for calibration.jsonl, 0 to below 1", 0.0)


@dataclass(frozen=True)
class PrepareRecipe(ViewSettings):
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

    def __post_init__(self) -> None:
        self._check_sizes()
        self._check_answers()
        self._check_prompt()
        self._check_yes_no()
        self._check_regions()
        self._check_candidates()
        self._check_views()
        self._check_records()
        self._check_test_set()
        check_word("verify", self.verify, VERIFICATIONS)
        check_word("exif", self.exif, EXIF_CHOICES)
        if not 0 <= self.max_bad_share <= 1:
            raise ValueError(f"max_bad_share: {self.max_bad_share} is not a share from 0 to 1")
        _ = self.resolved_categories, self.source.resolved_hub

    def _check_sizes(self) -> None:
        total = self.total_samples
        if total is not None and total < 1:
            raise ValueError(f"total_samples: {total} is not a positive number of images")
        if not 0 <= self.val_ratio < 1:
            raise ValueError(f"val_ratio: {self.val_ratio} is not a share of at least 0 and below 1")
        if total is not None and round(total * self.val_ratio) >= total:
            raise ValueError(f"val_ratio: {self.val_ratio} leaves nothing of {total} for training")
        if not 0 <= self.calibration.share < 1:
            raise ValueError(
                f"calibration.share: {self.calibration.share} is not a share of at least 0 and below 1"
            )
        if not self.output_dir.strip():
            raise ValueError("output_dir: the name of a folder is needed")

    def _check_answers(self) -> None:
        from grounding.answers.forms import ANSWER_FORMATS
        from grounding.boxes import GRID

        check_word("answer_format", self.answer_format, ANSWER_FORMATS)
        check_word("order", self.order, ORDERS)
        check_word("overflow", self.overflow, OVERFLOWS)
        check_word("negatives.choice", self.negatives.choice, NEGATIVE_CHOICES)
        if not 0 <= self.negatives.share < 1:
            raise ValueError(
                f"negatives.share: {self.negatives.share} is not a share of at least 0 and below 1"
            )
        if not 1 <= self.min_grid_size <= GRID:
            raise ValueError(f"min_grid_size: {self.min_grid_size} is not a number of steps from 1 to {GRID}")
        if self.max_objects is not None and self.max_objects < 1:
            raise ValueError(f"max_objects: {self.max_objects} is not a positive number of objects")

    def _check_prompt(self) -> None:
        from grounding.prompts import EXPRESSION

        if self.relations.most < 1:
            raise ValueError(f"relations.most: {self.relations.most} is not a positive number of questions")
        if self.source.kind == "records" and self.asks_relations:
            raise ValueError(
                "prompt: source.kind=records keeps conversations as they are, and adds none about computed "
                "phrases: leave the relation wordings out"
            )
        if self.source.kind != "records":
            for wording in self.wordings:
                has_expressions = self.source.kind in EXPRESSION_KINDS
                if (wording.asks == EXPRESSION) != has_expressions:
                    remedy = (
                        "set prompt=expression or qwen_expression"
                        if has_expressions
                        else f"that is for source.kind={' or '.join(EXPRESSION_KINDS)}"
                    )
                    raise ValueError(f"prompt: {wording.name} asks for one {wording.asks}: {remedy}")
        for wording in self.wordings:
            if wording.wants_json and self.answer_format != "json":
                raise ValueError(
                    f"prompt: {wording.name} asks for JSON, but answer_format={self.answer_format}: "
                    "set answer_format=json, or another prompt"
                )
        if self.descriptions and self.source.kind in (*EXPRESSION_KINDS, "records"):
            raise ValueError(
                f"descriptions: source.kind={self.source.kind} has no categories with descriptions beside "
                "them: leave descriptions out"
            )
        if self.negatives.share and not any(wording.names_one for wording in self.wordings):
            raise ValueError(
                f"negatives.share: prompt={self.prompt} does not ask about one category or expression: "
                "set prompt=category, qwen_category, relation, expression or qwen_expression, or "
                "negatives.share=0"
            )

    def _check_yes_no(self) -> None:
        from grounding.yes_no.shown_box import SHOWS

        check_word("yes_no.show", self.yes_no.show, SHOWS)
        if not 0 <= self.yes_no.share < 1:
            raise ValueError(f"yes_no.share: {self.yes_no.share} is not a share of at least 0 and below 1")

    def _check_regions(self) -> None:
        from grounding.regions.shown_region import CROP

        share = self.regions.share
        _ = self.regions.shows
        if not 0 <= share < 1:
            raise ValueError(f"regions.share: {share} is not a share of at least 0 and below 1")
        if not 0 <= self.regions.dialogue <= 1:
            raise ValueError(f"regions.dialogue: {self.regions.dialogue} is not a share from 0 to 1")
        if self.regions.dialogue and CROP in self.regions.shows:
            raise ValueError(
                "regions.dialogue: boxes in a crop's picture are not those of the image: leave crop out of "
                "regions.show, or set regions.dialogue=0"
            )
        self._check_region_prompt()
        if share + self.yes_no.share >= 1:
            raise ValueError(
                f"regions.share: {share} and yes_no.share={self.yes_no.share} leave nothing for questions "
                "about where objects are: together they have to stay below 1"
            )

    def _check_region_prompt(self) -> None:
        from grounding.prompts import REGION_FAMILIES, find_region_wordings

        if self.regions.prompt is None:
            return
        named = {wording.family for wording in find_region_wordings(self.regions.prompt, self.language)}
        needed = {REGION_FAMILIES[states_box, self.regions.labels] for states_box in self._states_boxes}
        known = needed | {REGION_FAMILIES[states_box, False] for states_box in self._states_boxes}
        settings = f"regions.show={self.regions.show}, regions.labels={self.regions.labels}"
        if missing := sorted(needed - named):
            raise ValueError(f"regions.prompt: {settings} needs a wording of {missing[0]}: name one, too")
        if unasked := sorted(named - known):
            raise ValueError(f"regions.prompt: {settings} never asks {unasked[0]}: leave it out")

    def _check_candidates(self) -> None:
        self.candidates.check()
        if self.candidates.file is None:
            return
        if self.descriptions:
            raise ValueError(
                "candidates.file: an answer that names a candidate by number has no place for a description: "
                "leave descriptions or candidates.file out"
            )
        if self.regions.dialogue:
            raise ValueError(
                "candidates.file: the second turn of a dialogue lists no candidates: set regions.dialogue=0, "
                "or leave candidates.file out"
            )

    def _check_views(self) -> None:
        self.check_views()
        if not self.has_views:
            return
        for key in ("yes_no", "regions"):
            if getattr(self, key).share:
                raise ValueError(
                    f"views: questions of {key}.share show a picture of their own, without views: leave "
                    f"{key}.share or views out"
                )
        if self.views == GLOBAL_AND_OBJECTS and self.candidates.file is None:
            raise ValueError(
                f"views: {GLOBAL_AND_OBJECTS} shows the surroundings of candidates: set candidates.file, or "
                "views=global+tiles"
            )

    def _check_records(self) -> None:
        """Refuse what would add something to conversations that are kept as they are."""
        if self.source.kind != "records":
            return
        added = {
            "yes_no.share": self.yes_no.share,
            "regions.share": self.regions.share,
            "candidates.file": self.candidates.file,
            "views": self.has_views,
        }
        if key := next((key for key, value in added.items() if value), None):
            raise ValueError(
                f"{key}: source.kind=records keeps conversations as they are, and adds nothing: leave {key} "
                "out, or prepare the annotations that the records were made from"
            )

    def _check_test_set(self) -> None:
        if not self.test_set:
            return
        for key in ("calibration", "negatives", "yes_no", "regions"):
            if getattr(self, key).share:
                raise ValueError(
                    f"{key}.share: test_set=true leaves no training images, which that needs: "
                    f"leave {key}.share out"
                )

    @property
    def asks_relations(self) -> bool:
        """Whether questions about computed phrases are asked."""
        from grounding.prompts import RELATION

        return any(wording.asks == RELATION for wording in self.wordings)

    @property
    def wordings(self) -> "tuple[Wording, ...]":
        """The templates of the questions.

        Raises:
            UserError: `prompt` or `language` names none.
        """
        from grounding.prompts import find_wordings

        return find_wordings(self.prompt, self.language)

    @property
    def yes_no_wordings(self) -> "tuple[Wording, ...]":
        """The templates of the yes/no questions; () without any."""
        from grounding.prompts import yes_no_wordings
        from grounding.yes_no.shown_box import TEXT

        if not self.yes_no.share:
            return ()
        return yes_no_wordings(self.language, states_box=self.yes_no.show == TEXT)

    @property
    def _states_boxes(self) -> list[bool]:
        """Whether questions for words show the box alone (False), state it (True), or do both."""
        from grounding.yes_no.shown_box import TEXT

        return sorted({show == TEXT for show in self.regions.shows})

    def region_wordings_of(self, *, states_box: bool, names_label: bool) -> "tuple[Wording, ...]":
        """Return the questions for words that state the box or not, and ask for the category's name or not.

        () if `regions.prompt` names none of them.
        """
        from grounding.prompts import REGION_FAMILIES, find_region_wordings, region_wordings

        if self.regions.prompt is None:
            return region_wordings(self.language, states_box=states_box, names_label=names_label)
        family = REGION_FAMILIES[states_box, names_label]
        named = find_region_wordings(self.regions.prompt, self.language)
        return tuple(wording for wording in named if wording.family == family)

    @property
    def region_wordings(self) -> "tuple[Wording, ...]":
        """The templates of the questions for words about a region; () without any."""
        if not self.regions.share:
            return ()
        return tuple(
            wording
            for names_label in (False, True)[: 1 + self.regions.labels]
            for states_box in self._states_boxes
            for wording in self.region_wordings_of(states_box=states_box, names_label=names_label)
        )

    @property
    def candidate_wordings(self) -> "tuple[Wording, ...]":
        """The texts that introduce candidates; () without any."""
        from grounding.prompts import candidate_wordings

        return candidate_wordings(self.language) if self.candidates.files else ()

    @property
    def continuation(self) -> "Wording":
        """The user's text between two turns of an answer."""
        from grounding.prompts import LANGUAGES, MORE, load_wordings

        return load_wordings()[MORE][self.language if self.language in LANGUAGES else LANGUAGES[0]][0]

    @property
    def prompts(self) -> dict[str, str]:
        """The templates by name, as the card keeps them."""
        turns = [self.continuation] if self.max_objects is not None and self.overflow == "turns" else []
        asked = (
            *(*self.wordings, *turns, *self.yes_no_wordings, *self.region_wordings),
            *self.candidate_wordings,
        )
        return {wording.name: wording.template for wording in asked}

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
