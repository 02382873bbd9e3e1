"""The factors of a LoRA adapter on disk, and the weights of the base model that they change."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from grounding.errors import UserError
from grounding.files import read_json
from grounding.layout import TRAIN_RECIPE_FILE
from models.lookup import family_of_folder
from models.shapes import Tensor
from train.export.adapter_merge import FLEET_EXPERTS
from train.plan.trainable import trained_tensors
from train.recipe import TrainRecipe, resolve_recipe

DOWN, UP = "lora_A", "lora_B"


@dataclass(frozen=True)
class AdapterFactors:
    """What an adapter holds.

    `weights` are the stored names of the base model's weights that it changes. `problems` name factors
    without their other half, of no weight, and weights that the recipe adapts and that have no factors.
    """

    weights: tuple[str, ...]
    problems: tuple[str, ...]
    experts: int


def read_factors(run: Path, base: Path, *, all_of_recipe: bool) -> AdapterFactors:
    """Read the names of an adapter's factors and find their weights in the base model.

    With `all_of_recipe` every weight that the recipe adapts must have its factors.

    Raises:
        UserError: no adapter, or no model of a known family.
    """
    config = read_json(base / "config.json")
    tensors = {_stem(tensor.name): tensor for tensor in family_of_folder(base).tensors(config)}
    names = _factor_names(run)
    stems = {_experts_stem(name.removesuffix(DOWN).removesuffix(UP).rstrip("._")) for name in names}
    problems = [
        *_halves(names),
        *(f"{stem}: the model has no such weight" for stem in stems - tensors.keys()),
    ]
    if all_of_recipe:
        recipe = TrainRecipe(resolve_recipe(run / TRAIN_RECIPE_FILE))
        adapted = trained_tensors(recipe, config, list(tensors.values()))
        wanted = {_stem(tensor.name.removesuffix(f".{DOWN}").removesuffix(f".{UP}")) for tensor in adapted}
        problems += [f"{stem}: no factors, and the recipe adapts it" for stem in wanted - stems]
    known = sorted(stems & tensors.keys())
    stored = [name for stem in known for name in _stored_names(tensors[stem])]
    return AdapterFactors(
        tuple(stored), tuple(sorted(problems)), sum(".mlp.experts" in stem for stem in known)
    )


def _factor_names(run: Path) -> list[str]:
    from safetensors import safe_open

    names: list[str] = []
    for path in sorted(run.glob("peft_model*.safetensors")):
        with safe_open(str(path), "np") as file:
            names += file.keys()
    if not names:
        raise UserError(f"{run}: no adapter")
    return names


def _halves(names: Sequence[str]) -> Iterator[str]:
    """Yield the factors whose other half is missing, and tensors that are no factors."""
    known = set(names)
    for name in names:
        if name.endswith(DOWN):
            other = f"{name.removesuffix(DOWN)}{UP}"
        elif name.endswith(UP):
            other = f"{name.removesuffix(UP)}{DOWN}"
        else:
            yield f"{name}: not a factor that the export knows"
            continue
        if other not in known:
            yield f"{name}: its other half is missing"


def _stem(name: str) -> str:
    return name.removesuffix(".weight")


def _experts_stem(stem: str) -> str:
    """Return the plain name of a matrix of experts, which paddlefleet's classes name otherwise."""
    for fleet, plain in FLEET_EXPERTS.items():
        if stem.endswith(f".{fleet}"):
            return stem.removesuffix(fleet) + plain
    return stem


def _stored_names(tensor: Tensor) -> Sequence[str]:
    return [part.name for part in tensor.stored] or [tensor.name]
