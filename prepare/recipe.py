"""The schema of recipes/prepare/*.yaml."""

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from grounding.categories import COCO_CATEGORIES, Category, number_categories
from grounding.recipe import setting, suggestion

if TYPE_CHECKING:
    from grounding.prompts import Wording
    from prepare.sources.source import BoxFormat

HUBS = ("huggingface", "modelscope", "local")
VERIFICATIONS = ("decode", "header")
EXIF_CHOICES = ("drop", "stored")
COCO_REPOSITORY = {"huggingface": "detection-datasets/coco", "modelscope": "AI-ModelScope/coco"}
"""Where each hub keeps COCO 2017 as parquet."""

KINDS = {
    "coco_parquet": ("xyxy", "pixels"),
    "coco_json": ("xywh", "pixels"),
    "yolo": ("cxcywh", "relative"),
    "voc": ("xyxy", "pixels_from_1"),
    "phrases": ("xyxy", "pixels"),
    "records": ("xyxy", "grid"),
}
"""The layouts of prepare/sources/, with the order and the units in which each usually writes boxes."""


@dataclass(frozen=True)
class Source:
    """Where the annotated images are, and how they are written down."""

    kind: str = setting(" | ".join(KINDS), "coco_parquet")
    hub: str | None = setting(
        "huggingface, modelscope or local; null: coco_parquet asks the environment's DOWNLOAD_SOURCE, else "
        "huggingface; others are local",
        None,
    )
    repo: str | None = setting("data set repository on the hub; null: COCO 2017 there", None)
    path: str | None = setting("folder with the files, for source.hub=local", None)
    train_files: str | None = setting(
        "pattern of the files for training (voc: the list of images); null: as the kind has it", None
    )
    val_files: str | None = setting(
        "the same for validation; where there are none, val is cut from train_files", None
    )
    images: str | None = setting("folder of the images below source.path; null: as the kind has it", None)
    boxes: str | None = setting("xyxy, xywh or cxcywh; null: as the kind has it", None)
    units: str | None = setting(
        "pixels, pixels_from_1, relative (0..1) or grid (0..1000); null: as the kind has it", None
    )

    def __post_init__(self) -> None:
        from grounding.boxes import BOX_ORDERS, BOX_UNITS

        _check_word("source.kind", self.kind, tuple(KINDS))
        if self.hub is not None:
            _check_word("source.hub", self.hub, HUBS)
        if self.boxes is not None:
            _check_word("source.boxes", self.boxes, BOX_ORDERS)
        if self.units is not None:
            _check_word("source.units", self.units, BOX_UNITS)
        is_local = self.hub == "local" or (self.kind != "coco_parquet" and self.hub is None)
        if is_local and not self.path:
            raise ValueError(
                f"source.path: {self.kind} with source.hub=local needs the folder with the files"
            )
        if self.path and not is_local:
            raise ValueError("source.path: only read with source.hub=local, set that too or leave this out")
        if self.kind != "coco_parquet" and not is_local and not self.repo:
            raise ValueError(f"source.repo: source.kind={self.kind} needs the repository on {self.hub}")
        if self.kind == "yolo" and (self.train_files or self.val_files):
            raise ValueError("source.train_files: for source.kind=yolo the names file says which images")

    @property
    def box_format(self) -> "BoxFormat":
        """How the boxes are written."""
        from prepare.sources.source import BoxFormat

        order, units = KINDS[self.kind]
        return BoxFormat(self.boxes or order, self.units or units)

    @property
    def resolved_hub(self) -> str:
        """The hub, from the environment where the recipe names none.

        Raises:
            ValueError: DOWNLOAD_SOURCE names a hub that has no COCO.
        """
        if self.kind != "coco_parquet":
            return self.hub or "local"
        hub = self.hub or os.environ.get("DOWNLOAD_SOURCE", "").lower() or "huggingface"
        if hub not in HUBS[:2] and hub != self.hub:
            raise ValueError(
                f"source.hub: DOWNLOAD_SOURCE={hub} is not a hub with this data set, "
                "set source.hub=huggingface, modelscope or local"
            )
        return hub

    @property
    def resolved_repo(self) -> str:
        """The data set repository on the resolved hub."""
        return self.repo or COCO_REPOSITORY[self.resolved_hub]


@dataclass(frozen=True)
class Negatives:
    """Questions about what is not in the picture."""

    share: float = setting("share of questions about what is not in the picture, 0 to below 1", 0.0)
    choice: str = setting("what to ask for in vain: random, popular, adversarial, or mixed", "random")


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what the data set holds."""

    source: Source = field(default_factory=Source)
    categories: Any = setting(
        "coco, a list of names (coco_parquet: in the order of its indices), or source: what it names", "coco"
    )
    output_dir: str = setting("folder of the data set")
    total_samples: int | None = setting("images in train and val together; null: all", 15000)
    val_ratio: float = setting("share of total_samples that is for validation", 0.01)
    seed: int = setting("decides which images are drawn, and their order", 42)
    answer_format: str = setting("objects (grounding tokens) or json (Qwen3-VL's own list)", "objects")
    prompt: Any = setting("question: a name in grounding/wordings.yaml, or a list of names", "task")
    language: str = setting("of the questions: en, zh, or any (drawn for each question)", "en")
    negatives: Negatives = field(default_factory=Negatives)
    order: str = setting("of an answer's objects: source, reading, or area", "source")
    min_grid_size: int = setting("answers leave out boxes with a side below this, of 1000 steps", 1)
    max_objects: int | None = setting("most objects in an answer; null: all", None)
    overflow: str = setting("longer answers: drop the question (in train), or several turns", "drop")
    verify: str = setting("decode every image that is taken, or only read its header", "decode")
    exif: str = setting("photographs turned by EXIF: drop, or stored (boxes are in the stored frame)", "drop")
    max_bad_share: float = setting("stop when more of the images looked at are damaged or missing", 0.01)
    overwrite: bool = setting("replace another data set in output_dir", False)

    def __post_init__(self) -> None:
        from grounding.answers.forms import ANSWER_FORMATS
        from grounding.boxes import GRID
        from prepare.questions.negatives import CHOICES
        from prepare.questions.order import ORDERS, OVERFLOWS

        if self.total_samples is not None and self.total_samples < 1:
            raise ValueError(f"total_samples: {self.total_samples} is not a number of images from 1")
        if not 0 <= self.val_ratio < 1:
            raise ValueError(f"val_ratio: {self.val_ratio} is not a share from 0 to below 1")
        if (
            self.total_samples is not None
            and round(self.total_samples * self.val_ratio) >= self.total_samples
        ):
            raise ValueError(
                f"val_ratio: {self.val_ratio} leaves nothing of {self.total_samples} for training"
            )
        if not self.output_dir.strip():
            raise ValueError("output_dir: the name of a folder is needed")
        _check_word("answer_format", self.answer_format, ANSWER_FORMATS)
        _check_word("order", self.order, ORDERS)
        _check_word("overflow", self.overflow, OVERFLOWS)
        _check_word("negatives.choice", self.negatives.choice, CHOICES)
        if not 0 <= self.negatives.share < 1:
            raise ValueError(f"negatives.share: {self.negatives.share} is not a share from 0 to below 1")
        if not 1 <= self.min_grid_size <= GRID:
            raise ValueError(f"min_grid_size: {self.min_grid_size} is not a number of steps from 1 to {GRID}")
        if self.max_objects is not None and self.max_objects < 1:
            raise ValueError(f"max_objects: {self.max_objects} is not a number of objects from 1")
        self._check_prompt()
        _check_word("verify", self.verify, VERIFICATIONS)
        _check_word("exif", self.exif, EXIF_CHOICES)
        if not 0 <= self.max_bad_share <= 1:
            raise ValueError(f"max_bad_share: {self.max_bad_share} is not a share from 0 to 1")
        _ = self.resolved_categories, self.source.resolved_hub

    def _check_prompt(self) -> None:
        from grounding.prompts import EXPRESSION

        if self.source.kind != "records":
            for wording in self.wordings:
                if (wording.asks == EXPRESSION) != (self.source.kind == "phrases"):
                    mend = (
                        "set prompt=expression or qwen_expression"
                        if self.source.kind == "phrases"
                        else "that is for source.kind=phrases"
                    )
                    raise ValueError(f"prompt: {wording.name} asks for one {wording.asks}: {mend}")
        for wording in self.wordings:
            if wording.wants_json and self.answer_format != "json":
                raise ValueError(
                    f"prompt: {wording.name} asks for JSON, but answer_format={self.answer_format}: "
                    "set answer_format=json, or another prompt"
                )
        if self.negatives.share and not any(wording.names_one for wording in self.wordings):
            raise ValueError(
                f"negatives.share: prompt={self.prompt} does not ask about one category or expression: "
                "set prompt=category, qwen_category, expression or qwen_expression, or negatives.share=0"
            )

    @property
    def wordings(self) -> "tuple[Wording, ...]":
        """The texts that questions are written after.

        Raises:
            UserError: `prompt` or `language` names none.
        """
        from grounding.prompts import find_wordings

        return find_wordings(self.prompt, self.language)

    @property
    def more(self) -> "Wording":
        """The user's text between the turns of an answer."""
        from grounding.prompts import LANGUAGES, MORE, load_wordings

        return load_wordings()[MORE][self.language if self.language in LANGUAGES else LANGUAGES[0]][0]

    @property
    def prompts(self) -> dict[str, str]:
        """The texts by name, as the card keeps them."""
        turns = [self.more] if self.max_objects is not None and self.overflow == "turns" else []
        return {wording.name: wording.template for wording in (*self.wordings, *turns)}

    @property
    def resolved_categories(self) -> tuple[Category, ...]:
        """The categories by the source's index; none where the source is to name them.

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


def _check_word(key: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{key}: no '{value}' (there are {', '.join(known)}){suggestion(value, known)}")
