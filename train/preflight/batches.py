"""A run's batches: records per step, number of steps, share of padding."""

import math
from dataclasses import dataclass
from types import SimpleNamespace

from train.keys import quiet_imports
from train.plan.gpu_layout import GpuLayout
from train.preflight.encode import Encoding
from train.recipe import TrainRecipe, learns_preferences

PERCENTILES = (50, 90, 99, 100)


@dataclass(frozen=True)
class Batches:
    """The batches of the encoded records: `cells` positions are computed, `filled` of them hold a token."""

    filled: int
    cells: int

    @property
    def waste(self) -> float:
        """Return the share of positions that are padding."""
        return 1 - self.filled / self.cells if self.cells else 0.0


def padded_batches(recipe: TrainRecipe, encoding: Encoding) -> Batches:
    """Pad encoded records as the collator does; a last batch that is not full counts only if it is alone."""
    size = recipe.degree("per_device_train_batch_size")
    widths = [sum(len(ids) for ids in pack) for pack in encoding.packs]
    groups = [widths[start : start + size] for start in range(0, len(widths), size)]
    if len(groups) > 1 and len(groups[-1]) < size:
        groups.pop()
    fixed = padded_length(recipe)
    if recipe.get("padding_free"):
        return Batches(sum(map(sum, groups)), sum(aligned(recipe, sum(group)) for group in groups))
    cells = sum(len(group) * aligned(recipe, fixed or max(group)) for group in groups)
    return Batches(sum(map(sum, groups)), cells)


def padded_length(recipe: TrainRecipe) -> int | None:
    """Return the length to which the collator pads; None if it pads to the longest of each batch.

    Source: run_sft in paddleformers/cli/train/sft/workflow.py, line 621. Its other rule, for models with
    is_fleet, is never used: Qwen3VLForConditionalGeneration of paddlefleet does not have that mark.
    """
    full = recipe.number("max_seq_len")
    fixed = (
        recipe.get("packing") or recipe.get("sequence_parallel") or recipe.degree("context_parallel_size") > 1
    )
    return full if fixed else None


def aligned(recipe: TrainRecipe, length: int) -> int:
    """Round a length up, as the collator does for sequence and context parallelism."""
    with quiet_imports():
        from paddleformers.datasets.collate import calc_padding_size

    arguments = SimpleNamespace(
        context_parallel_size=recipe.degree("context_parallel_size"),
        tensor_model_parallel_size=recipe.degree("tensor_model_parallel_size"),
        sequence_parallel=bool(recipe.get("sequence_parallel")),
        fp8=recipe.get("fp8"),
    )
    return int(calc_padding_size(length, arguments))


def records_per_step(recipe: TrainRecipe, spread: GpuLayout) -> int:
    """Return the effective batch size, in packs with packing and in records without."""
    return (
        recipe.degree("per_device_train_batch_size")
        * recipe.degree("gradient_accumulation_steps")
        * spread.readers
    )


def steps(recipe: TrainRecipe, spread: GpuLayout, encoding: Encoding | None) -> int | None:
    """Return the number of steps of the run; None if it depends on records that were not encoded.

    Source: estimate_training in paddleformers/datasets/data_utils.py, here for the encoded records only.
    """
    given = recipe.number("max_steps", -1)
    if given > 0:
        return given
    if encoding is None or not encoding.count:
        return None
    if learns_preferences(recipe.values):  # all of them: after a pair that is dropped, the next one is read
        packs = float(encoding.total)
    else:
        packs = len(encoding.packs) * encoding.total / encoding.count
    epochs = float(recipe.get("num_train_epochs") or 1)
    return math.ceil(packs * epochs / records_per_step(recipe, spread))


def percentiles(lengths: tuple[int, ...]) -> dict[int, int]:
    """Return the length that 50, 90, 99 and 100 % of the records do not exceed, by percentage."""
    ordered = sorted(lengths)
    return {share: ordered[math.ceil(len(ordered) * share / 100) - 1] for share in PERCENTILES}
