"""What a run will do, as lines of text: lengths, drops and padding of its records, steps, memory."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from models.hub_downloads import is_hub_id
from models.lookup import shaped_config
from train.machine import smallest_gpu_bytes
from train.objectives.grpo.grpo_settings import GrpoSettings
from train.objectives.grpo.update_steps import steps_of_update
from train.plan.gpu_layout import spread_over_gpus
from train.plan.memory import DEFAULT_GPU_MEMORY_GB, GIB, RESERVE, plan_memory
from train.plan.micro_batch import grpo_settings, most_pictures
from train.preflight.batches import padded_batches, padded_length, percentiles, records_per_step, steps
from train.preflight.encode import TOO_LONG, Encoding, encode_sample
from train.preflight.objective_keys.coordinate_share import coordinate_line, coordinate_problem
from train.preflight.objective_keys.joint_head_share import joint_head_line, joint_head_problem
from train.recipe import CheckOptions, TrainRecipe, learns_preferences

SHOWN_FAULTS = 3


def encode_records(recipe: TrainRecipe, count: int) -> tuple[Encoding | None, str]:
    """Encode the first records, or return None and the reason, such as a model that is not downloaded yet."""
    if count < 1:
        return None, "encoding: left out (check_samples=0)"
    folder = model_on_disk(recipe.model)
    if folder is None:
        return None, (
            f"encoding: skipped, as '{recipe.model}' is not on this disk: `hf download {recipe.model} "
            "--local-dir FOLDER`, then check again with model_name_or_path=FOLDER"
        )
    local = replace(recipe, values={**recipe.values, "model_name_or_path": str(folder)})
    if learns_preferences(recipe.values):
        from train.preflight.pair_data.pair_encoding import encode_pairs

        return encode_pairs(local, count), ""
    return encode_sample(local, count), ""


def model_on_disk(model: str) -> Path | None:
    """Return a model's folder, or its folder in huggingface_hub's cache; None if it is not on this disk."""
    if not is_hub_id(model):
        return Path(model)
    from huggingface_hub import try_to_load_from_cache

    found = [try_to_load_from_cache(model, name) for name in ("tokenizer.json", "preprocessor_config.json")]
    folders = {Path(path).parent for path in found if isinstance(path, str)}
    return folders.pop() if len(folders) == 1 and None not in found else None


def encoding_problems(recipe: TrainRecipe, encoding: Encoding) -> Iterator[str]:
    """Yield the records that the run would drop silently, or teach in a form that cannot be read back.

    Records that are too long are a problem only if all are.
    """
    for fault in encoding.faults[:SHOWN_FAULTS]:
        yield f"train_dataset_path: {fault}"
    if len(encoding.faults) > SHOWN_FAULTS:
        more = len(encoding.faults) - SHOWN_FAULTS
        yield f"train_dataset_path: and {more} more of {encoding.count} records"
    if encoding.unread:
        others = len(encoding.unread) - 1
        yield f"train_dataset_path: {encoding.unread[0]}{f' (and {others} more like it)' if others else ''}"
    if encoding.lengths and encoding.dropped[TOO_LONG] == len(encoding.lengths):
        yield (
            f"max_seq_len: {recipe.get('max_seq_len')} is less than any of {encoding.count} records needs, "
            f"{min(encoding.lengths)} to {max(encoding.lengths)} tokens: PaddleFormers would search for a "
            "shorter one forever"
        )
    yield from coordinate_problem(encoding.coordinates, encoding.kept)
    yield from joint_head_problem(encoding.boxes, encoding.kept)


def encoding_lines(recipe: TrainRecipe, encoding: Encoding) -> Iterator[str]:
    """Yield lines about lengths, dropped records and padding."""
    if not encoding.lengths:
        return
    shares = percentiles(encoding.lengths)
    yield (
        f"records: {encoding.total:,}; the first {encoding.count:,} in this seed's order encoded: "
        f"{shares[50]:,} tokens at the median, {shares[90]:,} at 90 %, {shares[99]:,} at 99 %, at most "
        f"{shares[100]:,}; {encoding.learned / max(1, encoding.tokens):.1%} of them are learned"
    )
    if encoding.pictures > 1:
        yield (
            f"pictures: up to {encoding.pictures} in a record, which take up to {encoding.image_tokens:,} of "
            "its tokens together"
        )
    yield from coordinate_line(recipe, encoding.coordinates, encoding.learned)
    yield from joint_head_line(recipe, encoding.boxes, encoding.kept)
    if grpo_settings(recipe) is not None:
        return  # no record is dropped, and rows are made of sampled answers
    long = encoding.dropped[TOO_LONG]
    about = f", about {round(long / encoding.count * encoding.total):,} of all" if long else ""
    yield (
        f"max_seq_len {recipe.get('max_seq_len')}: {long} of {encoding.count:,} records are longer and "
        f"dropped{about} (truncation_strategy {recipe.get('truncation_strategy')})"
    )
    batches = padded_batches(recipe, encoding)
    if recipe.get("packing"):
        how = f"{encoding.kept:,} records in {len(encoding.packs):,} packs"
    else:
        how = f"batches of {recipe.get('per_device_train_batch_size')} as they come"
    width = padded_length(recipe)
    yield (
        f"padding: {batches.waste:.1%} of {batches.cells:,} positions ({how}, padded to "
        f"{f'{width:,}' if width else 'the longest'})"
    )


def step_line(recipe: TrainRecipe, encoding: Encoding | None) -> str:
    """Return the line about the effective batch size and the number of steps.

    Raises:
        UserError: the degrees do not divide the GPUs.
    """
    spread = spread_over_gpus(recipe, recipe.gpus or None)
    if (settings := grpo_settings(recipe)) is not None:
        return _update_line(recipe, settings, spread.readers, encoding)
    what = "packs" if recipe.get("packing") else "records"
    count = steps(recipe, spread, encoding)
    line = (
        f"batch: {records_per_step(recipe, spread)} {what} a step = "
        f"{recipe.get('per_device_train_batch_size')} a device x "
        f"{recipe.get('gradient_accumulation_steps')} accumulated x {spread.readers} data parallel"
    )
    if count is None:
        return f"{line}; the number of steps shows when the records are encoded"
    about = (
        "about "
        if recipe.number("max_steps", -1) < 1 and encoding and encoding.count < encoding.total
        else ""
    )
    if encoding is None or not encoding.packs:
        return f"{line}; {about}{count:,} steps"
    each = encoding.kept / len(encoding.packs) * records_per_step(recipe, spread)
    usable = encoding.total * encoding.kept / encoding.count
    return f"{line}; {about}{count:,} steps = {count * each / usable:.2f} epochs"


def _update_line(recipe: TrainRecipe, settings: GrpoSettings, readers: int, encoding: Encoding | None) -> str:
    """Return the line about the updates of a run that learns from sampled answers."""
    accumulated = recipe.number("gradient_accumulation_steps", 1)
    steps_each = steps_of_update(settings, recipe.degree("per_device_train_batch_size"), accumulated)
    updates, asked = recipe.number("max_steps") // steps_each, settings.prompts * readers
    line = (
        f"update: {asked} questions = {settings.prompts} a device x {readers} data parallel, "
        f"{settings.group} answers to each, learned in {steps_each} step{'s' if steps_each > 1 else ''}; "
        f"{updates:,} updates ask {updates * asked:,} questions"
    )
    if encoding is None or settings.graded:
        return line
    return f"{line} = {updates * asked / encoding.total:.2f} passes over the data set"


def memory_line(recipe: TrainRecipe, options: CheckOptions) -> tuple[str, bool]:
    """Return the line about memory, and whether the run does not fit on the GPUs, if their memory is known.

    Raises:
        UserError: the memory cannot be planned.
    """
    known = options.gpu_memory_gb or (smallest_gpu_bytes() or 0) / GIB
    result = plan_memory(
        recipe.values,
        shaped_config(recipe.model),
        recipe.gpus or None,
        known or DEFAULT_GPU_MEMORY_GB,
        most_pictures(recipe),
    )
    if recipe.get("device") == "cpu":
        needed = (result.total_bytes_per_gpu - RESERVE) / GIB
        return f"memory: about {needed:.1f} GiB at most ({result.trained_share})", False
    return f"memory: {result.summary}; `python -m train.plan` shows the parts", bool(
        known
    ) and not result.fits
