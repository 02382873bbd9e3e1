"""The encoder of a run: PaddleFormers' data set for it, without records of its own."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from grounding.errors import UserError
from train.cached.encoding_settings import encoding_settings
from train.lengths.record_meter import can_measure
from train.preflight.encode import NO_LIMIT, quiet_encoding
from train.preflight.run_data import training_dataset
from train.recipe import TrainRecipe

PLACEHOLDER_RECORD = {
    "messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}],
    "images": [],
}


def open_encoder(recipe: TrainRecipe) -> Any:
    """Return a data set of PaddleFormers that encodes as the run does.

    Raises:
        UserError: the model's tokenizer or image processor cannot be loaded, or a cache does not go with how
            the recipe encodes.
    """
    with TemporaryDirectory() as folder, quiet_encoding():
        file = Path(folder) / "train.jsonl"
        file.write_text(json.dumps(PLACEHOLDER_RECORD) + "\n", encoding="utf-8")
        values = {
            **recipe.values,
            "train_dataset_path": str(file),
            "train_dataset_type": "messages",
            "train_dataset_prob": "1.0",
            "mix_strategy": "concat",
        }
        dataset = training_dataset(TrainRecipe(values), 1)
    if not can_measure(dataset) or recipe.get("split_multi_turn"):
        raise UserError(
            "a cache needs stage VL-SFT, a template of Qwen3-VL, template_backend custom, and no "
            "split_multi_turn"
        )
    return dataset


def settings_of_encoder(dataset: Any, recipe: TrainRecipe) -> dict[str, Any]:
    """Return all that decides what a data set makes of a record.

    Raises:
        UserError: the tokenizer cannot be told from others.
    """
    limit = int(recipe.get("max_seq_len"))
    strategy = str(dataset.truncation_strategy)
    if strategy == "delete":
        dataset.max_seq_len = NO_LIMIT  # records are kept at their full length
    return encoding_settings(dataset.tokenizer, dataset.template, dataset.processor, strategy, limit)
