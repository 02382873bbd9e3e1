"""The data set of a training run, built as the run builds it.

Source: run_sft in paddleformers/cli/train/sft/workflow.py; the limits on images are those of the plug-in.
"""

from typing import Any

from models.processors import load_processor, load_tokenizer
from train.image_limits import limit_images
from train.inside.patches.paddleformers_1_2.always.read_pixels_as_everywhere import read_pixels_as_everywhere
from train.recipe import TrainRecipe

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


def is_sampled(recipe: TrainRecipe) -> bool:
    """Tell whether an epoch samples num_samples_each_epoch records (6,000,000 by default) at random."""
    return bool(recipe.get("mix_strategy") == "random")


def training_dataset(recipe: TrainRecipe, count: int) -> Any:
    """Build the data set of a run in one process, for at least `count` records.

    Raises:
        UserError: the model's tokenizer or image processor cannot be loaded.
    """
    read_pixels_as_everywhere()
    from paddleformers.cli.utils.process import add_new_special_tokens
    from paddleformers.datasets.loader import create_dataset
    from paddleformers.datasets.template.template import get_template_and_fix_tokenizer

    tokenizer = load_tokenizer(recipe.model)
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
        "dataset_type": "iterable",  # `map` would encode all records when it is built
    }
    if is_sampled(recipe):
        config["num_samples_each_epoch"] = count
    if config["template_backend"] == "custom":
        config["template_instance"] = get_template_and_fix_tokenizer(config)
    return create_dataset(
        task_group=recipe.get("train_dataset_path"),
        task_group_prob=recipe.get("train_dataset_prob"),
        sub_dataset_type=recipe.get("train_dataset_type"),
        **config,
    )


def training_processor(recipe: TrainRecipe) -> Any:
    """Return the processor with the limits that the plug-in sets in a run.

    Raises:
        UserError: it cannot be loaded.
    """
    processor = load_processor(recipe.model, use_fast=recipe.get("processor_use_fast"))
    limit_images(processor, recipe.values)
    return processor
