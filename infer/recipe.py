"""The keys of an infer recipe, and what of them decides about an answer."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import write_text
from grounding.recipe import load_recipe, setting

RECIPE_FILE, PREDICTIONS_FILE, SCORES_FILE = "infer.yaml", "predictions.jsonl", "scores.json"
"""What an output folder holds."""

SPLITS = ("val", "train")
DEVICES = ("auto", "cpu", "gpu")
DTYPES = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True)
class InferRecipe:
    """Which model is asked about which images, and how.

    There is no prompt here: system message and question are those of the data set's records, so that
    the question asked is the question trained.
    """

    checkpoint: str = setting("model folder, or a LoRA run's folder")
    dataset: str = setting("prepared data set: card.json, val.jsonl, annotations_val.json, images/")
    output_dir: str = setting("folder of predictions.jsonl and infer.yaml")
    base_checkpoint: str | None = setting("model under a LoRA adapter (null: the one it names)", None)
    split: str = setting(" or ".join(SPLITS), "val")
    limit: int | None = setting("ask about the first so many images (null: all)", None)
    batch_size: int = setting("images answered together", 8)
    max_new_tokens: int = setting("longest answer, in tokens", 2048)
    temperature: float = setting("0: the likeliest token; else tokens are drawn, 1 as the model says", 0.0)
    top_p: float = setting("tokens are drawn from the likeliest of this probability together", 1.0)
    seed: int = setting("seed of the tokens drawn", 0)
    device: str = setting(" | ".join(DEVICES), "auto")
    dtype: str = setting(" | ".join(DTYPES) + " (auto: float32 on a CPU)", "auto")
    overwrite: bool = setting("replace predictions of another recipe", False)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a choice that does not exist, or a number out of its range.
        """
        for key, choices in {"split": SPLITS, "device": DEVICES, "dtype": DTYPES}.items():
            if (value := getattr(self, key)) not in choices:
                raise ValueError(f"{key}: '{value}' is not one of {', '.join(choices)}")
        for key in ("batch_size", "max_new_tokens", "limit"):
            value = getattr(self, key)
            if value is not None and value < 1:
                raise ValueError(f"{key}: {value} is less than 1")
        if self.temperature < 0:
            raise ValueError(f"temperature: {self.temperature} is less than 0")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p: {self.top_p} is not above 0 and up to 1")

    @property
    def dataset_path(self) -> Path:
        """The data set's folder."""
        return Path(self.dataset)

    @property
    def output_path(self) -> Path:
        """The folder that the predictions go to."""
        return Path(self.output_dir)

    def asks_the_same_as(self, other: "InferRecipe") -> bool:
        """Tell whether the other recipe gives the same answers; the batch size does not matter."""
        return replace(self, batch_size=1, overwrite=False) == replace(other, batch_size=1, overwrite=False)


def save_recipe(recipe: InferRecipe) -> None:
    """Write the resolved recipe as infer.yaml into its output folder."""
    from omegaconf import OmegaConf

    write_text(recipe.output_path / RECIPE_FILE, OmegaConf.to_yaml(_contents(recipe)))


def saved_recipe(output_dir: Path) -> InferRecipe | None:
    """Read the recipe by which a folder's predictions were made, None where there is none."""
    path = output_dir / RECIPE_FILE
    return load_recipe(InferRecipe, path) if path.is_file() else None


def check_saved_recipe(recipe: InferRecipe) -> None:
    """Refuse to mix two recipes' predictions in one folder.

    Raises:
        UserError: the folder holds predictions of another recipe, and `overwrite` is not set.
    """
    saved = saved_recipe(recipe.output_path)
    if saved is None or recipe.overwrite or recipe.asks_the_same_as(saved):
        return
    before, now = _contents(saved), _contents(recipe)
    changes = ", ".join(
        f"{key}={now[key]} (was {before[key]})"
        for key in now
        if now[key] != before[key] and key != "batch_size"
    )
    raise UserError(
        f"{recipe.output_path / RECIPE_FILE}: predictions of another recipe are here: {changes}; "
        "set another output_dir, or overwrite=true"
    )


def _contents(recipe: InferRecipe) -> dict[str, Any]:
    """Return the keys; `overwrite` is a wish of one run, and is not kept."""
    contents = asdict(recipe)
    del contents["overwrite"]
    return contents
