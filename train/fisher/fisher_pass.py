"""Measure the Fisher information of a checkpoint on records, encoded as a training encodes them."""

import hashlib
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from tqdm import tqdm

from grounding.errors import UserError
from grounding.layout import JSONL_FILES
from models.family import LoadOptions
from models.folder_files import LORA_CONFIG, fingerprint_model
from models.lookup import family_of_folder
from train.fisher.fisher_settings import FisherSettings
from train.fisher.squared_gradients import mean_squared_gradients
from train.inside.blockwise_cross_entropy import losses_of_tokens
from train.machine import machine_has_gpu
from train.objectives.near_start.fisher_file import FisherCard, save_fisher
from train.preflight.encode import encode_record, quiet_encoding
from train.preflight.learned_text import NOT_LABELLED
from train.preflight.run_data import training_dataset
from train.recipe import TrainRecipe

log = logging.getLogger(__name__)

USED, TOKENS, DROPPED = "records", "tokens", "dropped"


def measure_fisher(checkpoint: Path, dataset: Path, settings: FisherSettings) -> str:
    """Write the Fisher information of a model folder on a data set, and return what was measured in words.

    Raises:
        UserError: no such model or data, an adapter in place of a model, or no record can be learned from.
    """
    records = dataset / JSONL_FILES["train"] if dataset.is_dir() else dataset
    if not records.is_file():
        raise UserError(f"{records}: no such file: make it with `python -m prepare`")
    if (checkpoint / LORA_CONFIG).is_file():
        raise UserError(
            f"{checkpoint}: holds an adapter: merge it with `python -m train.export`, and name that"
        )
    if not checkpoint.is_dir():
        raise UserError(f"{checkpoint}: no such model folder")
    family = family_of_folder(checkpoint)
    has_gpu = machine_has_gpu()
    options = LoadOptions("bfloat16" if has_gpu else "float32", has_gpu=has_gpu)
    model = family.load_model(checkpoint, None, options)
    recipe = _recipe(checkpoint, records, family.template, settings)
    counts: Counter[str] = Counter()
    fisher, count = mean_squared_gradients(
        model.parameters(), _log_likelihoods(model, recipe, settings.limit, counts)
    )
    if not count:
        raise UserError(
            f"{records}: no record can be learned from, of {counts[DROPPED]}: "
            "`python -m prepare.check` says what is wrong"
        )
    keys = {name: value for name, value in asdict(settings).items() if name != "output"}
    card = FisherCard(
        fingerprint_model(checkpoint, None, checkpoint),
        _sha256(records),
        count,
        counts[TOKENS],
        counts[DROPPED],
        keys,
    )
    path = settings.output_path(checkpoint)
    save_fisher(_as_saved(model, fisher), card, path)
    return f"{_summary(fisher, counts)}\n{path}: the Fisher information; name it in grounding_ewc.fisher"


def _recipe(checkpoint: Path, records: Path, template: str, settings: FisherSettings) -> TrainRecipe:
    values = {
        "model_name_or_path": str(checkpoint),
        "train_dataset_path": str(records),
        "train_dataset_type": "messages",
        "train_dataset_prob": "1.0",
        "stage": "VL-SFT",
        "template": template,
        "packing": False,
        "compute_type": "float32",
        **{name: getattr(settings, name) for name in ("max_seq_len", "min_pixels", "max_pixels", "seed")},
    }
    return TrainRecipe({name: value for name, value in values.items() if value is not None})


def _log_likelihoods(
    model: Any, recipe: TrainRecipe, limit: int | None, counts: Counter[str]
) -> Iterator[Any]:
    """Yield the log-likelihood of the learned tokens of each record, and count."""
    import paddle

    device = paddle.get_device()
    with quiet_encoding():
        dataset = training_dataset(recipe, limit or 1)
        total = len(dataset.mix_datasets)
        examples = iter(dataset.mix_datasets)
    total = min(limit or total, total)
    for example in tqdm(islice(examples, total), "Fisher", total, unit="record", delay=2, disable=None):
        with quiet_encoding():
            sequence, _ = encode_record(dataset, example)
        paddle.set_device(device)
        if sequence is None:
            counts[DROPPED] += 1
            continue
        counts[USED] += 1
        counts[TOKENS] += sum(label != NOT_LABELLED for label in sequence.labels)
        pictures = {
            name: paddle.to_tensor(sequence.mm_inputs[name])
            for name in ("pixel_values", "image_grid_thw")
            if name in sequence.mm_inputs
        }
        hidden = model.model(input_ids=paddle.to_tensor([sequence.token_ids]), **pictures)[0]
        labels = paddle.to_tensor([sequence.labels])
        losses, _ = losses_of_tokens(hidden, model.lm_head.weight, labels, NOT_LABELLED)
        yield -losses.sum()


def _as_saved(model: Any, fisher: list[Any]) -> dict[str, Any]:
    """Return the information by the names of a checkpoint's weights, and in their layout, as numpy arrays."""
    from paddle.distributed.flex_checkpoint.dcp.full_param import full_param

    by_name = {each.name: value for each, value in zip(model.parameters(), fisher, strict=True)}
    state = model.sharded_state_dict()
    for each in state.values():
        each.local_tensor = by_name[each.local_tensor.name]
    saved = full_param(state, aoa_config=model._gen_inv_aoa_config(model.config))
    return {name: value.contiguous().numpy() for name, value in saved}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _summary(fisher: list[Any], counts: Counter[str]) -> str:
    size = sum(value.size for value in fisher)
    untouched = sum(int((value == 0).sum()) for value in fisher)
    mean = sum(value.sum().item() for value in fisher) / size
    return (
        f"{counts[USED]:,} records, {counts[TOKENS]:,} learned tokens, {counts[DROPPED]:,} records dropped; "
        f"mean of {size:,} weights {mean:.3g}, {untouched / size:.1%} of them not touched"
    )
