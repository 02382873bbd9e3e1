"""The pre-flight check of a train recipe: every problem at once, before any process starts."""

import logging
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from grounding.errors import UserError, run_command
from grounding.recipe import parse_overrides, read_yaml, recipe_arguments, suggestion
from train.keys import known_keys, quiet_imports, type_problem

log = logging.getLogger(__name__)

RESOLVED_RECIPE = "train.yaml"
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
WEIGHTS = ("*.safetensors", "*.pdparams")
SPLITS = ("train", "eval")

RENAMED = {"attn_impl": "_attn_implementation", "sharding_degree": "sharding_parallel_size"}

# Accepted by PaddleFormers 1.2.0 and then ignored: (key, the value that misleads or ANY, why).
ANY = object()
WITHOUT_EFFECT: tuple[tuple[str, Any, str], ...] = (
    ("lora_alpha", ANY, "it is always 2 x lora_rank"),
    ("lora", ANY, "fine_tuning: LoRA or full decides"),
    ("bf16", ANY, "compute_type decides"),
    ("fp16", ANY, "compute_type decides"),
    ("enable_thinking", ANY, "the template decides: qwen3_vl_nothink"),
    ("unified_checkpoint", True, "save_checkpoint_format decides"),
    ("eval_with_do_generation", True, "it is switched off for a model with a chat template"),
    ("make_offline_data", True, "it keeps the text alone, not the images"),
    ("custom_register_path", ANY, "`python -m train` sets it to its own plug-in"),
)


@dataclass(frozen=True)
class Recipe:
    """A recipe under check: its values with the overrides, and how to know what a machine has."""

    values: dict[str, Any]
    has_gpu: bool

    def get(self, name: str) -> Any:
        """Return a key's value, or PaddleFormers' default."""
        key = known_keys().get(name)
        return self.values.get(name, key.default if key else None)

    def number(self, name: str, default: int = 0) -> int:
        """Return a key's value where it is a whole number, the default otherwise."""
        value = self.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else default


Check = Callable[[Recipe], Iterable[str]]


def unknown_keys(recipe: Recipe) -> Iterator[str]:
    """PaddleFormers refuses unknown keys too, but only after every process has started."""
    for name in recipe.values:
        if name in RENAMED:
            yield f"{name}: is called {RENAMED[name]} now"
        elif name not in known_keys():
            yield f"unknown key '{name}'{suggestion(name, known_keys())}"


def wrong_types(recipe: Recipe) -> Iterator[str]:
    """PaddleFormers checks no types: a string where a number belongs fails deep inside, or not at all."""
    for name, value in recipe.values.items():
        if name in known_keys() and (problem := type_problem(known_keys()[name], value)):
            yield problem


def keys_without_effect(recipe: Recipe) -> Iterator[str]:
    """A key that does nothing misleads the recipe's reader."""
    for name, misleading, why in WITHOUT_EFFECT:
        if name in recipe.values and (misleading is ANY or recipe.values[name] == misleading):
            yield f"{name}: has no effect, {why}: leave it out"


def task(recipe: Recipe) -> Iterator[str]:
    """The stage and the template make the task."""
    if recipe.get("stage") != "VL-SFT":
        yield f"stage: '{recipe.get('stage')}' does not train on images: write VL-SFT"
    template = recipe.get("template")
    if template == "qwen3_vl":
        yield "template: qwen3_vl teaches an empty think block in every answer: write qwen3_vl_nothink"
    elif template is None:
        yield "template: is missing: write qwen3_vl_nothink"
    if not recipe.values.get("output_dir"):
        yield "output_dir: is missing"
    if recipe.number("seed", 1) < 1:
        yield f"seed: {recipe.get('seed')} is refused by PaddleFormers: write a number from 1"


def number_format(recipe: Recipe) -> Iterator[str]:
    """In float32 two defaults that are made for bf16 have to go."""
    if recipe.get("compute_type") != "float32":
        return
    if recipe.get("amp_master_grad"):
        yield "amp_master_grad: is true by default and refused with compute_type float32: write false"
    if recipe.get("fp16_opt_level") == "O2":
        yield "fp16_opt_level: O2 is refused with compute_type float32: write O1"


def attention(recipe: Recipe) -> Iterator[str]:
    """The mask's form has to fit the attention."""
    implementation = recipe.get("_attn_implementation")
    if implementation == "flashmask" and not recipe.get("use_attn_mask_startend_row_indices"):
        yield "use_attn_mask_startend_row_indices: must be true with _attn_implementation flashmask"


def pixel_limits(recipe: Recipe) -> Iterator[str]:
    """The limits that the plug-in gives to the image processor."""
    lower, upper = recipe.values.get("min_pixels"), recipe.values.get("max_pixels")
    for name, value in (("min_pixels", lower), ("max_pixels", upper)):
        if isinstance(value, int) and value < 1:
            yield f"{name}: {value} must be at least 1"
    if isinstance(lower, int) and isinstance(upper, int) and lower > upper:
        yield f"min_pixels: {lower} is more than max_pixels: {upper}"


def evaluation(recipe: Recipe) -> Iterator[str]:
    """Evaluation that is asked for has to happen, on the data that is meant."""
    for name in ("train_dataset_path", "train_dataset_type", "train_dataset_prob"):
        if recipe.values.get(name) is None:
            yield f"{name}: is missing"
    for name in ("eval_dataset_path", "eval_dataset_type"):
        if recipe.values.get(name) is None:
            yield f"{name}: is missing, and its default is an example of PaddleFormers' own"
    if recipe.get("do_eval") and recipe.values.get("evaluation_strategy", "no") in ("no", False):
        yield "do_eval: true does nothing without evaluation_strategy: write steps, with eval_steps"


def box_curves(recipe: Recipe) -> Iterator[str]:
    """Curves of boxes are drawn at the evaluation steps, from a prepared data set."""
    samples = recipe.number("grounding_eval_samples")
    if samples < 0:
        yield f"grounding_eval_samples: {samples} must be 0 (no curves of boxes) or more"
    if samples > 0 and not recipe.get("do_eval"):
        yield "grounding_eval_samples: does nothing without do_eval: true"
    if samples > 0 and find_spec("paddlefleet") is not None:
        yield "grounding_eval_samples: a model of paddlefleet cannot be asked while it is trained: write 0"
    path = Path(str(recipe.get("eval_dataset_path")))
    if samples > 0 and path.name != "val.jsonl":
        yield f"eval_dataset_path: '{path}': grounding_eval_samples needs a prepared data set's val.jsonl"


def data_files(recipe: Recipe) -> Iterator[str]:
    """The JSONL files have to be there."""
    for name in (f"{split}_dataset_path" for split in SPLITS):
        for path in str(recipe.values.get(name) or "").split(","):
            if path.strip() and not Path(path.strip()).is_file():
                yield f"{name}: no such file '{path.strip()}': make it with `python -m prepare`"


def model_folder(recipe: Recipe) -> Iterator[str]:
    """A local model has to be complete; a hub's id, such as Qwen/Qwen3-VL-8B-Instruct, is left to the hub."""
    name = recipe.values.get("model_name_or_path")
    if not name:
        yield "model_name_or_path: is missing"
        return
    folder = Path(str(name))
    if is_hub_id(str(name)):
        return
    if not folder.is_dir():
        yield f"model_name_or_path: no such folder '{folder}'"
        return
    if not (folder / "config.json").is_file():
        yield f"model_name_or_path: '{folder}' has no config.json: it is not a model folder"
    elif not has_weights(folder):
        yield f"model_name_or_path: '{folder}' has no weights ({' or '.join(WEIGHTS)})"


def output_folder(recipe: Recipe) -> Iterator[str]:
    """A run goes on from the checkpoints of its own recipe, and of no other."""
    folder = Path(str(recipe.values.get("output_dir") or "."))
    if recipe.values.get("overwrite_output_dir") is True or not recipe.values.get("output_dir"):
        return
    saved = folder / RESOLVED_RECIPE
    advice = "choose another output_dir, or overwrite_output_dir=true to start afresh"
    if saved.is_file():
        before = read_resolved(saved)
        changed = sorted(
            k for k in before.keys() | recipe.values.keys() if before.get(k) != recipe.values.get(k)
        )
        if changed:
            yield f"output_dir: '{folder}' holds a run of another recipe ({', '.join(changed)}): {advice}"
    elif any(folder.glob("checkpoint-*")):
        yield f"output_dir: '{folder}' holds checkpoints of an unknown recipe: {advice}"


def machine(recipe: Recipe) -> Iterator[str]:
    """Without a GPU, the keys that need one have to go."""
    if recipe.has_gpu:
        return
    wanted = {
        "device": "cpu",
        "_attn_implementation": "eager",
        "use_attn_mask_startend_row_indices": False,
        "compute_type": "float32",
    }
    wrong = [f"{name}={str(value).lower()}" for name, value in wanted.items() if recipe.get(name) != value]
    if wrong:
        yield f"Paddle finds no GPU here: a CPU needs {' '.join(wrong)}, as in recipes/train/tiny_full.yaml"
    if recipe.number("sharding_parallel_size") > 1:
        yield "sharding_parallel_size: does not run on CPUs"


RECIPE_CHECKS: tuple[Check, ...] = (
    unknown_keys,
    wrong_types,
    keys_without_effect,
    task,
    number_format,
    attention,
    pixel_limits,
    evaluation,
    box_curves,
)
"""What the recipe alone shows."""

PLACE_CHECKS: tuple[Check, ...] = (data_files, model_folder, output_folder, machine)
"""What depends on the machine and its files."""


def check_recipe(
    path: Path, overrides: Iterable[str] = (), checks: Sequence[Check] | None = None
) -> dict[str, Any]:
    """Return the recipe with its overrides, after all checks.

    Raises:
        UserError: every problem that the checks found, in one message.
    """
    values = resolve_recipe(path, overrides)
    recipe = Recipe(values, machine_has_gpu())
    problems = [problem for check in checks or (*RECIPE_CHECKS, *PLACE_CHECKS) for problem in check(recipe)]
    if problems:
        raise UserError(f"{path}: {'; '.join(problems)}")
    return values


def resolve_recipe(path: Path, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """Read a recipe as PaddleFormers does: YAML's own numbers (1e-4 is text there), then the overrides."""
    import yaml
    from omegaconf import OmegaConf

    read_yaml(path)  # for its errors: no such file, not YAML, not a mapping
    values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    given = OmegaConf.to_container(parse_overrides(overrides))
    if "output_dir" in given and "logging_dir" not in given and "logging_dir" in values:
        given["logging_dir"] = (
            f"{given['output_dir']}/{Path(values['logging_dir']).name}"  # curves stay with the run
        )
    return {str(name): value for name, value in {**values, **given}.items()}


def read_resolved(path: Path) -> dict[str, Any]:
    """Read the recipe that a run has saved, without what does not belong to the run's identity."""
    import yaml

    values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    return {name: value for name, value in values.items() if name not in ("overwrite_output_dir",)}


def is_hub_id(name: str) -> bool:
    """Tell `owner/model` from a folder: an id has one slash and its owner is no folder here."""
    return bool(HUB_ID.fullmatch(name)) and not Path(name).exists() and not Path(name.split("/")[0]).is_dir()


def has_weights(folder: Path, since: float = 0.0) -> bool:
    """Tell whether a folder holds a weight file that is not empty, written after `since` (seconds, epoch)."""
    stats = [file.stat() for pattern in WEIGHTS for file in folder.glob(pattern)]
    return any(stat.st_size > 0 and stat.st_mtime >= since for stat in stats)


def machine_has_gpu() -> bool:
    """Tell whether this Paddle can compute on a GPU here."""
    with quiet_imports():
        import paddle

    return bool(paddle.device.is_compiled_with_cuda() and paddle.device.cuda.device_count() > 0)


def main(argv: Sequence[str] | None = None) -> int:
    """Run `python -m train.check RECIPE [key=value ...]`."""
    path, overrides = recipe_arguments(
        None,
        prog="python -m train.check",
        description=__doc__ or "",
        example="python -m train.check recipes/train/tiny_full.yaml max_steps=10",
        argv=argv,
    )
    values = check_recipe(path, overrides)
    log.info("%s: %d keys, no problem found", path, len(values))
    return 0


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.exit(run_command(main))
