"""The keys of an infer recipe, and what of them decides about an answer."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import write_text
from grounding.prompts import ANY_LANGUAGE, Wording, find_wordings
from grounding.recipe import load_recipe, setting

RECIPE_FILE, PREDICTIONS_FILE, SCORES_FILE = "infer.yaml", "predictions.jsonl", "scores.json"
REPORT_FILE, RESULTS_FILE = "scores.md", "coco_results.json"
"""What an output folder holds; of the scores, all of it as tables, and the boxes for COCO's tools."""

SCORED_FILES = (SCORES_FILE, REPORT_FILE, RESULTS_FILE)

ENGINES = ("paddle", "openai")
SCORES = ("none", "mean_logprob", "min_prob")
SPLITS = ("val", "train")
DEVICES = ("auto", "cpu", "gpu")
ZOOMS = ("none", "tiles", "boxes")
VERIFIES = ("none", "mark", "drop")
DTYPES = ("auto", "float32", "bfloat16", "float16")

HOW = ("batch_size", "base_url", "concurrency", "timeout", "retries", "shard", "overwrite")
"""The keys that say how, where and how fast is asked, and nothing about the answers."""


@dataclass(frozen=True)
class InferRecipe:
    """Which model is asked about which images, and how.

    There is no prompt here: system message and question are those of the data set's records, so that
    the question asked is the question trained. Only for questions that the records do not hold there is
    `wording`, as the model may have been trained on another data set.
    """

    checkpoint: str | None = setting("model folder, or a LoRA run's (openai: may be left out)", None)
    dataset: str = setting("prepared data set: card.json, val.jsonl, annotations_val.json, images/")
    output_dir: str = setting("folder of predictions.jsonl and infer.yaml")
    base_checkpoint: str | None = setting("model under a LoRA adapter (null: the one it names)", None)
    engine: str = setting(" | ".join(ENGINES) + " (a server that speaks OpenAI's protocol)", ENGINES[0])
    split: str = setting(" or ".join(SPLITS), "val")
    limit: int | None = setting("ask about the first so many images (null: all)", None)
    batch_size: int = setting("images answered together", 8)
    max_new_tokens: int = setting("longest answer, in tokens", 2048)
    temperature: float = setting("0: the likeliest token; else tokens are drawn, 1 as the model says", 0.0)
    top_p: float = setting("tokens are drawn from the likeliest of this probability together", 1.0)
    seed: int = setting("seed of the tokens drawn", 0)
    device: str = setting(" | ".join(DEVICES), "auto")
    dtype: str = setting(" | ".join(DTYPES) + " (auto: float32 on a CPU)", "auto")
    per_category: bool = setting("ask for one category at a time, and merge the answers", False)
    zoom: str = setting(
        " | ".join(ZOOMS) + ": ask again about parts of the image, at full resolution", "none"
    )
    verify: str = setting(
        " | ".join(VERIFIES) + ": ask back for each label, boxes that do not return", "none"
    )
    wording: str | None = setting(
        "of grounding/wordings.yaml, in which per_category and verify ask (null: the data set's)", None
    )
    agree: int = setting("answers drawn a question; a box needs half of the votes (1: no vote)", 1)
    tensor_parallel: int = setting("GPUs that hold one model together, each a part of every layer", 1)
    score: str = setting(" | ".join(SCORES) + ": of a box, from its tokens", SCORES[0])
    shard: str | None = setting("I/N: every N-th image from the I-th on, the first being 0", None)
    base_url: str | None = setting("openai: the server, such as http://localhost:8000/v1", None)
    model: str | None = setting("openai: the name that the server gives the model", None)
    concurrency: int = setting("openai: images asked about at a time", 16)
    timeout: float = setting("openai: seconds to wait for an answer", 600.0)
    retries: int = setting("openai: how often a request that failed is sent again", 6)
    request: dict[str, Any] = setting("openai: further fields of every request", default_factory=dict)
    overwrite: bool = setting("replace predictions of another recipe", False)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a choice that does not exist, or a number out of its range.
        """
        choices_of = {
            "engine": ENGINES,
            "split": SPLITS,
            "device": DEVICES,
            "dtype": DTYPES,
            "score": SCORES,
            "zoom": ZOOMS,
            "verify": VERIFIES,
        }
        for key, choices in choices_of.items():
            if (value := getattr(self, key)) not in choices:
                raise ValueError(f"{key}: '{value}' is not one of {', '.join(choices)}")
        for key in ("batch_size", "max_new_tokens", "limit", "concurrency", "agree", "tensor_parallel"):
            value = getattr(self, key)
            if value is not None and value < 1:
                raise ValueError(f"{key}: {value} is less than 1")
        if self.temperature < 0:
            raise ValueError(f"temperature: {self.temperature} is less than 0")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p: {self.top_p} is not above 0 and up to 1")
        if self.agree > 1 and not self.temperature:
            raise ValueError(f"agree: {self.agree} answers are all the same at temperature=0: set 0.7, say")
        if self.timeout <= 0 or self.retries < 0:
            raise ValueError("timeout must be more than 0, and retries not less than 0")
        if self.engine == "openai":
            if not re.match(r"https?://.", self.base_url or ""):
                raise ValueError(f"base_url: '{self.base_url}' is not like http://localhost:8000/v1")
            if not self.model:
                raise ValueError("model must be set: the name that the server gives the model")
        elif self.checkpoint is None:
            raise ValueError("checkpoint must be set, in the recipe or as key=value")
        elif self.base_url or self.model or self.request:
            raise ValueError("base_url, model and request are read with engine=openai alone")
        if not all(wording.names_one for wording in self.wordings):
            raise ValueError(
                f"wording: '{self.wording}' does not ask about one category or expression, as category.en1 "
                "and expression.en1 do"
            )
        number, count = self.shard_numbers
        if not number < count:
            raise ValueError(f"shard: '{self.shard}' is not one of 0/{count} to {count - 1}/{count}")

    @property
    def dataset_path(self) -> Path:
        """The data set's folder."""
        return Path(self.dataset)

    @property
    def output_path(self) -> Path:
        """The folder that the predictions go to."""
        return Path(self.output_dir)

    def asks_the_same_as(self, other: "InferRecipe") -> bool:
        """Tell whether the other recipe gives the same answers: the keys of HOW do not matter."""
        return not changed_keys(self, other)

    @property
    def wordings(self) -> tuple[Wording, ...]:
        """The wordings that `wording` names."""
        return () if self.wording is None else find_wordings(self.wording, ANY_LANGUAGE, key="wording")

    @property
    def shard_numbers(self) -> tuple[int, int]:
        """Number and count of the shards; 0 and 1 where all is asked at once."""
        if self.shard is None:
            return 0, 1
        if not (match := re.fullmatch(r"([0-9]+)/([0-9]*[1-9][0-9]*)", self.shard)):
            raise ValueError(f"shard: '{self.shard}' is not like 0/8")
        return int(match[1]), int(match[2])

    def file(self, name: str) -> Path:
        """Return a file's place in the output folder; a shard's files have its numbers in their names."""
        if self.shard is None:
            return self.output_path / name
        number, count = self.shard_numbers
        stem, dot, suffix = name.partition(".")
        return self.output_path / f"{stem}.{number}-of-{count}{dot}{suffix}"


def save_recipe(recipe: InferRecipe) -> None:
    """Write the resolved recipe as infer.yaml into its output folder."""
    from omegaconf import OmegaConf

    write_text(recipe.file(RECIPE_FILE), OmegaConf.to_yaml(_contents(recipe)))


def saved_recipe(output_dir: Path) -> InferRecipe | None:
    """Read the recipe by which a folder's predictions were made, None where there is none."""
    path = output_dir / RECIPE_FILE
    return load_recipe(InferRecipe, path) if path.is_file() else None


def check_saved_recipe(recipe: InferRecipe) -> None:
    """Refuse to mix two recipes' predictions in one folder.

    Raises:
        UserError: the folder holds predictions of another recipe, and `overwrite` is not set.
    """
    for path in () if recipe.overwrite else {recipe.output_path / RECIPE_FILE, recipe.file(RECIPE_FILE)}:
        saved = load_recipe(InferRecipe, path) if path.is_file() else recipe
        if changes := changed_keys(saved, recipe):
            raise UserError(
                f"{path}: predictions of another recipe are here: {changes}; "
                "set another output_dir, or overwrite=true"
            )


def changed_keys(before: InferRecipe, now: InferRecipe) -> str:
    """Name the keys that make for other answers, with both values; "" where there are none."""
    old, new = asdict(before), asdict(now)
    return ", ".join(
        f"{key}={new[key]} (was {old[key]})" for key in new if new[key] != old[key] and key not in HOW
    )


def _contents(recipe: InferRecipe) -> dict[str, Any]:
    """Return the keys; `overwrite` is a wish of one run, and is not kept."""
    contents = asdict(recipe)
    del contents["overwrite"]
    return contents
