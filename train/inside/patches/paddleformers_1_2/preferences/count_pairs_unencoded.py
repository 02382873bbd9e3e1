"""Count the steps of a run on pairs without encoding them.

Upstream: with max_steps -1, dpo_estimate_training (paddleformers/cli/train/dpo/dpo_estimate_training.py, line
    84) encodes pairs with their pictures before the first step, at every start and every resume, until it
    has as many as the files hold: for ever, if all are longer than max_seq_len.
Patch: take that number, which is known without them.
Remove: when PaddleFormers counts the pairs of its files.
"""

import math
from typing import Any


def count_pairs_unencoded() -> str:
    """Replace the estimate of the stage VL-DPO."""
    from paddleformers.cli.train.dpo import workflow

    def estimate(
        tokenizer: Any, data_args: Any, training_args: Any, dataset_config: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        del tokenizer  # the data set's configuration has it, too
        dataset = workflow.create_dataset(
            task_group=data_args.train_dataset_path,
            task_group_prob=data_args.train_dataset_prob,
            sub_dataset_type=data_args.train_dataset_type,
            **dataset_config,
        )
        pairs = len(dataset.mix_datasets) * training_args.num_train_epochs
        batch = training_args.per_device_train_batch_size * training_args.gradient_accumulation_steps
        training_args.max_steps = math.ceil(pairs / (batch * training_args.dataset_world_size))
        return training_args, {}

    workflow.dpo_estimate_training = estimate
    return "count_pairs_unencoded"
