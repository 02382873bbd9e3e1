"""The schema of recipes/prepare/*.yaml."""

import os
from dataclasses import dataclass, field
from typing import Any

from grounding.categories import COCO_CATEGORIES, Category, number_categories
from grounding.recipe import setting, suggestion

HUBS = ("huggingface", "modelscope", "local")
VERIFICATIONS = ("decode", "header")
COCO_REPOSITORY = {"huggingface": "detection-datasets/coco", "modelscope": "AI-ModelScope/coco"}
"""Where each hub keeps COCO 2017 as parquet."""


@dataclass(frozen=True)
class Source:
    """Where the parquet files are."""

    hub: str | None = setting(
        "huggingface, modelscope or local; null: the environment's DOWNLOAD_SOURCE, else huggingface", None
    )
    repo: str | None = setting("data set repository on the hub; null: COCO 2017 there", None)
    path: str | None = setting("folder with the files, for source.hub=local", None)
    train_files: str = setting("which files hold training images", "**/train-*.parquet")
    val_files: str = setting(
        "which files hold validation images; none: cut from train_files", "**/val-*.parquet"
    )

    def __post_init__(self) -> None:
        if self.hub is not None:
            _check_word("source.hub", self.hub, HUBS)
        if self.hub == "local" and not self.path:
            raise ValueError("source.path: source.hub=local needs the folder with the parquet files")
        if self.path and self.hub != "local":
            raise ValueError("source.path: only read with source.hub=local, set that too or leave this out")

    @property
    def resolved_hub(self) -> str:
        """The hub, from the environment where the recipe names none.

        Raises:
            ValueError: DOWNLOAD_SOURCE names a hub that has no COCO.
        """
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
class Recipe:
    """Everything that decides what the data set holds."""

    source: Source = field(default_factory=Source)
    categories: Any = setting("coco, or the list of names in the order of the source's indices", "coco")
    output_dir: str = setting("folder of the data set")
    total_samples: int | None = setting("images in train and val together; null: all", 15000)
    val_ratio: float = setting("share of total_samples that is for validation", 0.01)
    seed: int = setting("decides which images are drawn, and their order", 42)
    answer_format: str = setting("objects (grounding tokens) or json (Qwen3-VL's own list)", "objects")
    prompt: str = setting("the wording of the question, a name in grounding/prompts.py", "task")
    verify: str = setting("decode every image that is taken, or only read its header", "decode")
    overwrite: bool = setting("replace another data set in output_dir", False)

    def __post_init__(self) -> None:
        from grounding.answers import ANSWER_FORMATS
        from grounding.prompts import WORDINGS

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
        _check_word("prompt", self.prompt, tuple(WORDINGS))
        _check_word("verify", self.verify, VERIFICATIONS)
        _ = self.resolved_categories, self.source.resolved_hub

    @property
    def resolved_categories(self) -> tuple[Category, ...]:
        """The categories by the source's index.

        Raises:
            UserError: names that are empty or repeated.
            ValueError: neither "coco" nor a list of names.
        """
        if self.categories == "coco":
            return COCO_CATEGORIES
        names = self.categories
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise ValueError("categories: write coco, or a list of names such as [cat, dog]")
        return number_categories(names)


def _check_word(key: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{key}: no '{value}' (there are {', '.join(known)}){suggestion(value, known)}")
