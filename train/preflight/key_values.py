"""Checks of a recipe's keys and values."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from grounding.layout import JSONL_FILES
from grounding.recipe.schema import suggestion
from models.lookup import FAMILIES
from train.keys import LORA_TARGETS_KEY, known_keys, type_problem
from train.recipe import PREFERENCES, SPLITS, TrainRecipe, uses_fleet

RENAMED = {"attn_impl": "_attn_implementation", "sharding_degree": "sharding_parallel_size"}

ANY = object()
WITHOUT_EFFECT: tuple[tuple[str, Any, str], ...] = (
    ("lora_alpha", ANY, "it is always 2 x lora_rank"),
    ("lora", ANY, "fine_tuning: LoRA or full decides"),
    ("bf16", ANY, "compute_type decides"),
    ("fp16", ANY, "compute_type decides"),
    ("lr_scheduler", ANY, "lr_scheduler_type decides"),
    ("weight_quantize_algo", ANY, "compute_type decides"),
    ("enable_thinking", ANY, "the template decides: qwen3_vl_nothink"),
    ("unified_checkpoint", True, "save_checkpoint_format decides"),
    ("eval_with_do_generation", True, "it is switched off for a model with a chat template"),
    ("make_offline_data", True, "it keeps the text alone, not the images"),
    ("custom_register_path", ANY, "`python -m train` sets it to its own plug-in"),
)
"""Keys that PaddleFormers 1.2.0 accepts and ignores: key, value that misleads (or any), reason."""


def unknown_keys(recipe: TrainRecipe) -> Iterator[str]:
    """PaddleFormers refuses unknown keys itself, but only after every process has started."""
    for name in recipe.values:
        if name in RENAMED:
            yield f"{name}: is called {RENAMED[name]} now"
        elif name not in known_keys():
            yield f"unknown key '{name}'{suggestion(name, known_keys())}"


def wrong_types(recipe: TrainRecipe) -> Iterator[str]:
    """PaddleFormers checks no types: a string in place of a number fails late, or not at all."""
    for name, value in recipe.values.items():
        if name in known_keys() and (problem := type_problem(known_keys()[name], value)):
            yield problem


def keys_without_effect(recipe: TrainRecipe) -> Iterator[str]:
    """A key that does nothing misleads the recipe's reader."""
    for name, misleading, why in WITHOUT_EFFECT:
        if name in recipe.values and (misleading is ANY or recipe.values[name] == misleading):
            yield f"{name}: has no effect, {why}: leave it out"


def task(recipe: TrainRecipe) -> Iterator[str]:
    """Stage, template and output folder must be set to something that trains on images."""
    if recipe.get("stage") not in ("VL-SFT", PREFERENCES):
        yield (
            f"stage: '{recipe.get('stage')}' does not train on images: write VL-SFT, or {PREFERENCES} for "
            "pairs"
        )
    template = recipe.get("template")
    for family in FAMILIES:
        if template == family.thinking_template:
            yield (
                f"template: {template} teaches an empty think block in every answer: write {family.template}"
            )
    if template is None:
        yield f"template: is missing: write {' or '.join(family.template for family in FAMILIES)}"
    if not recipe.values.get("output_dir"):
        yield "output_dir: is missing"


LOSS_KEYS = ("use_filtered_label_loss", "use_fused_head_and_loss_fn", "loss_subbatch_sequence_length")


def loss_keys(recipe: TrainRecipe) -> Iterator[str]:
    """The plain classes compute the logits of learned tokens in blocks, whatever these keys say.

    use_fused_head_and_loss_fn would leave a model in training without logits to answer with.
    """
    for name in LOSS_KEYS:
        value = recipe.values.get(name)
        if not uses_fleet(recipe.values) and value not in (None, False, -1):
            yield f"{name}: the loss computes learned tokens in blocks without it: leave it out"


def quantized_weights(recipe: TrainRecipe) -> Iterator[str]:
    """4-bit weights need a package that is built from its sources, with CUDA (paddleformers/quantization)."""
    if recipe.get("compute_type") == "nf4" and find_spec("paddleslim_ops") is None:
        yield "compute_type: nf4 needs PaddleSlim with its CUDA extension, which is not installed: write bf16"


def number_format(recipe: TrainRecipe) -> Iterator[str]:
    """With float32, two defaults that are made for bf16 must be changed."""
    if recipe.get("compute_type") != "float32":
        return
    if recipe.get("amp_master_grad"):
        yield "amp_master_grad: is true by default and refused with compute_type float32: write false"
    if recipe.get("fp16_opt_level") == "O2":
        yield "fp16_opt_level: O2 is refused with compute_type float32: write O1"


def attention(recipe: TrainRecipe) -> Iterator[str]:
    """The form of the mask must fit the attention."""
    implementation = recipe.get("_attn_implementation")
    if implementation == "flashmask" and not recipe.get("use_attn_mask_startend_row_indices"):
        yield "use_attn_mask_startend_row_indices: must be true with _attn_implementation flashmask"


def pixel_limits(recipe: TrainRecipe) -> Iterator[str]:
    """The limits for the image processor must be possible."""
    lower, upper = recipe.values.get("min_pixels"), recipe.values.get("max_pixels")
    if isinstance(lower, int) and isinstance(upper, int) and lower > upper:
        yield f"min_pixels: {lower} is more than max_pixels: {upper}"


def data_keys(recipe: TrainRecipe) -> Iterator[str]:
    """The data must be named completely, and evaluation must run if it is asked for."""
    for name in ("train_dataset_path", "train_dataset_type", "train_dataset_prob"):
        if recipe.values.get(name) is None:
            yield f"{name}: is missing"
    for name in ("eval_dataset_path", "eval_dataset_type"):
        if recipe.values.get(name) is None:
            yield f"{name}: is missing, and its default is an example of PaddleFormers' own"
    for split in SPLITS:
        lists = {
            name: str(recipe.get(f"{split}_dataset_{name}")).split(",") for name in ("path", "type", "prob")
        }
        if recipe.values.get(f"{split}_dataset_path") and len({len(words) for words in lists.values()}) > 1:
            counts = ", ".join(f"{len(words)} of {name}" for name, words in lists.items())
            yield f"{split}_dataset_path: each path needs a type and a prob (there are {counts})"
    if recipe.get("mix_strategy") == "random" and recipe.number("max_steps", -1) < 1:
        yield "max_steps: must be set with mix_strategy random"
    if recipe.get("do_eval") and recipe.values.get("evaluation_strategy", "no") in ("no", False):
        yield "do_eval: true does nothing without evaluation_strategy: write steps, with eval_steps"


def late_writing(recipe: TrainRecipe) -> Iterator[str]:
    """A checkpoint is sealed when the trainer says that it is written (train/checkpoints.py), not later."""
    for name in ("enable_zero_cost_checkpoint", "use_async_save"):
        if recipe.get(name):
            yield f"{name}: its checkpoints cannot be told from half-written ones and are lost: leave it out"


def box_curve_keys(recipe: TrainRecipe) -> Iterator[str]:
    """Curves of box scores need evaluation, and a prepared data set."""
    samples = recipe.number("grounding_eval_samples")
    if samples > 0 and not recipe.get("do_eval"):
        yield "grounding_eval_samples: does nothing without do_eval: true"
    path = Path(str(recipe.get("eval_dataset_path")))
    if samples > 0 and path.name != JSONL_FILES["val"]:
        yield f"eval_dataset_path: '{path}': grounding_eval_samples needs a prepared data set's val.jsonl"


def adapter_keys(recipe: TrainRecipe) -> Iterator[str]:
    """The choice of matrices for adapters needs adapters, and new ones."""
    if LORA_TARGETS_KEY not in recipe.values:
        return
    if not recipe.is_lora:
        yield f"{LORA_TARGETS_KEY}: does nothing without fine_tuning: LoRA: leave it out"
    elif recipe.values.get("lora_path"):
        yield f"{LORA_TARGETS_KEY}: the adapter of lora_path has its matrices already: leave it out"


KEY_CHECKS = (
    unknown_keys,
    wrong_types,
    keys_without_effect,
    task,
    loss_keys,
    quantized_weights,
    number_format,
    attention,
    pixel_limits,
    data_keys,
    late_writing,
    box_curve_keys,
    adapter_keys,
)
"""Every check of this file."""
