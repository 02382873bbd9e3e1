"""The data set that a training run reads from, built here as the run builds it.

Source: run_sft in paddleformers/cli/train/sft/workflow.py; the image limits are the plug-in's.
"""

from typing import Any

from train.inside.plugin import one_image_resolution
from train.recipe import Recipe

COMPUTE_TYPES = {"bf16": "bfloat16", "fp16": "float16"}
DATASET_KEYS = (
    *(
        "max_seq_len",
        "num_samples_each_epoch",
        "random_shuffle",
        "greedy_intokens",
        "packing",
        "mix_strategy",
    ),
    *("encode_one_turn", "use_template", "truncate_packing", "stage", "template_backend", "split_multi_turn"),
    *("dataset_type", "binpacking", "packing_interval", "template", "truncation_strategy", "skip_warmup"),
)


def is_drawn(recipe: Recipe) -> bool:
    """Tell whether records are drawn at random as often as num_samples_each_epoch says (6,000,000)."""
    return bool(recipe.get("mix_strategy") == "random")


def training_dataset(recipe: Recipe, count: int) -> Any:
    """Build the data set that a run of this recipe builds, in one process, for at least `count` records."""
    from paddleformers.cli.utils.process import add_new_special_tokens
    from paddleformers.datasets.loader import create_dataset
    from paddleformers.datasets.template.template import get_template_and_fix_tokenizer
    from paddleformers.transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(recipe.model)
    add_new_special_tokens(tokenizer, recipe.get("new_special_tokens_path"))
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token_id = tokenizer.eos_token_id
    config = {name: recipe.get(name) for name in DATASET_KEYS} | {
        "tokenizer": tokenizer,
        "processor": training_processor(recipe),
        "random_seed": recipe.get("seed"),
        "num_replicas": 1,
        "rank": 0,
        "is_pretraining": False,
        "dtype": COMPUTE_TYPES.get(str(recipe.get("compute_type")), "float32"),
        "dataset_num_proc": 1,
        "dataloader_num_workers": 0,
        "tool_format": None,
        "default_system": None,
        "template_instance": None,
        "dataset_type": "iterable",  # the kind `map` encodes everything while it is built
    }
    if is_drawn(recipe):
        config["num_samples_each_epoch"] = count
    if config["template_backend"] == "custom":
        config["template_instance"] = get_template_and_fix_tokenizer(config)
    return create_dataset(
        task_group=recipe.get("train_dataset_path"),
        task_group_prob=recipe.get("train_dataset_prob"),
        sub_dataset_type=recipe.get("train_dataset_type"),
        **config,
    )


def training_processor(recipe: Recipe) -> Any:
    """Return the processor with the image limits that the plug-in gives to it in a run."""
    from paddleformers.transformers import AutoProcessor

    load = AutoProcessor.from_pretrained
    try:
        one_image_resolution(dict(recipe.values))
        return AutoProcessor.from_pretrained(recipe.model, use_fast=recipe.get("processor_use_fast"))
    finally:
        AutoProcessor.from_pretrained = load
