"""Checks of grounding_backend: what the plain classes ignore, and what paddlefleet's do wrong.

Source: PaddleFormers 1.2.0, where the reasons name a file. Nothing with paddlefleet has been run on a GPU.
"""

from collections.abc import Iterator
from importlib.machinery import PathFinder

from models.libraries import FLEET_PACKAGES
from train.keys import BACKEND_KEY, Backend
from train.machine import ALL_TO_ALL, DEEPEP, DEEPEP_CAPABILITY, DISPATCHER_KEY, lowest_capability
from train.recipe import TrainRecipe

PLAIN_INSTEAD = f"write {BACKEND_KEY}: {Backend.PLAIN.value}"
FLEET = f"{BACKEND_KEY} {Backend.FLEET.value}"
LANGUAGE_ALONE = ("freeze_vision", "freeze_aligner")
"""What freeze_config has to name for an adapter of paddlefleet's classes."""


def backend_keys(recipe: TrainRecipe) -> Iterator[str]:
    """Each kind of classes has keys that it ignores, or that train something else with it."""
    yield from _fleet_keys(recipe) if recipe.is_fleet else _plain_keys(recipe)


def backend_fits_machine(recipe: TrainRecipe) -> Iterator[str]:
    """Paddlefleet has to be installed; that it needs GPUs is said with the other keys that do (cpu_keys)."""
    if not (recipe.is_fleet and recipe.has_gpu):
        return
    if not fleet_is_installed():
        yield (
            f"{BACKEND_KEY}: {Backend.FLEET.value} needs {FLEET_PACKAGES[0]}, which is not installed here: "
            f"run `make setup-fleet` and start with .venv-fleet/bin/python -m train, or {PLAIN_INSTEAD}"
        )
    capability = lowest_capability()
    if recipe.values.get(DISPATCHER_KEY) == DEEPEP and capability and capability < DEEPEP_CAPABILITY:
        found, wanted = (".".join(map(str, pair)) for pair in (capability, DEEPEP_CAPABILITY))
        yield (
            f"{DISPATCHER_KEY}: {DEEPEP} needs compute capability {wanted}, and a GPU here has {found}: "
            f"leave the key out ({ALL_TO_ALL} is taken then)"
        )


def fleet_is_installed() -> bool:
    """Tell whether paddlefleet can be found, though it is hidden from this process."""
    return PathFinder.find_spec(FLEET_PACKAGES[0]) is not None


def _plain_keys(recipe: TrainRecipe) -> Iterator[str]:
    """The plain mixture of experts has all experts in every process (qwen3_vl_moe/modeling.py, line 1030)."""
    plain = f"has no effect with {BACKEND_KEY} {Backend.PLAIN.value}, where every process holds all experts"
    for name, is_set in (
        ("expert_model_parallel_size", recipe.degree("expert_model_parallel_size") > 1),
        ("use_expert_parallel", bool(recipe.get("use_expert_parallel"))),
    ):
        if is_set:
            yield f"{name}: {plain}: leave it out, or write {BACKEND_KEY}: {Backend.FLEET.value}"
    if DISPATCHER_KEY in recipe.values:
        yield f"{DISPATCHER_KEY}: {plain}: leave it out"


def _fleet_keys(recipe: TrainRecipe) -> Iterator[str]:
    if recipe.degree("tensor_model_parallel_size") > 1:
        yield from _tensor_parallel(recipe)
    if recipe.is_lora:
        frozen = str(recipe.get("freeze_config") or "")
        if missing := [word for word in LANGUAGE_ALONE if word not in frozen]:
            yield (
                f"freeze_config: an adapter with {FLEET} is for the language model alone, as LoRA looks for "
                "the vision tower under the name that it has in the plain classes (cli/utils/llm_utils.py, "
                f"line 190): add {' '.join(missing)}, or {PLAIN_INSTEAD}"
            )
    if recipe.number("grounding_eval_samples") > 0:
        yield (
            f"grounding_eval_samples: a model of {FLEET} cannot be asked while it is trained: write 0, or "
            f"{PLAIN_INSTEAD}"
        )


def _tensor_parallel(recipe: TrainRecipe) -> Iterator[str]:
    name = f"tensor_model_parallel_size: above 1 with {FLEET}"
    if recipe.is_lora:
        yield (
            f"{name} saves an adapter's gate and up columns in the order of the GPUs, which is another "
            f"adapter (peft/lora/lora_model.py, line 690): write 1, or {PLAIN_INSTEAD}"
        )
    elif not recipe.get("sequence_parallel"):
        yield (
            f"{name} trains the norms of queries and keys on each GPU's own heads (trainer/trainer.py, line "
            f"3685): add sequence_parallel: true, which sums their gradients, or {PLAIN_INSTEAD}"
        )
