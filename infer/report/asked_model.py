"""The model whose answers are inspected: what a report says about it, and what its threshold depends on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.card import Card
from grounding.errors import UserError
from grounding.files import read_json
from infer.engines.checkpoint import Checkpoint, fingerprint_checkpoint
from infer.recipe import InferRecipe, saved_recipe
from infer.report.inspection_types import DataCardNote, ModelNote
from infer.runs.answer_keys import answer_keys
from infer.runs.fingerprints import FINGERPRINTS_FILE

UNKNOWN = "unknown"


@dataclass(frozen=True)
class AskedModel:
    """A model, and the keys of the recipe that change its answers; () where another tool asked it."""

    note: ModelNote
    keys: dict[str, Any]


def model_of_run(predictions: Path) -> AskedModel:
    """Return the model that a run's infer.yaml and fingerprints.json name.

    Raises:
        UserError: one of the files cannot be read.
    """
    recipe = saved_recipe(predictions.parent)
    if recipe is None:
        return AskedModel({"name": UNKNOWN, "fingerprint": UNKNOWN, "score": UNKNOWN}, {})
    path = predictions.with_name(FINGERPRINTS_FILE)
    known = read_json(path) if path.is_file() else {}
    if not isinstance(known, dict):
        raise UserError(f"{path}: no fingerprints: run `python -m infer` again")
    return _of_recipe(recipe, str(known.get("checkpoint", UNKNOWN)))


def model_of_recipe(recipe: InferRecipe, checkpoint: Checkpoint | None) -> AskedModel:
    """Return the model that a recipe asks; a server's cannot be hashed."""
    return _of_recipe(recipe, "none" if checkpoint is None else fingerprint_checkpoint(checkpoint))


def _of_recipe(recipe: InferRecipe, fingerprint: str) -> AskedModel:
    name = recipe.checkpoint or recipe.model or UNKNOWN
    return AskedModel({"name": name, "fingerprint": fingerprint, "score": recipe.score}, answer_keys(recipe))


def card_note(card: Card, dataset: Path) -> DataCardNote:
    """Return what an inspection says about the data set's card."""
    return {
        "dataset": str(dataset),
        "source_fingerprint": card.source_fingerprint,
        "answer_format": card.answer_format,
        "version": card.version,
    }
