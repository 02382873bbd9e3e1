"""Numbers out of their ranges and words outside their lists, through the whole check."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from grounding.errors import USER_ERROR_EXIT_CODE, UserError, run_command
from train.check import main
from train.preflight.all_checks import RECIPE_CHECKS, check_recipe

NUMBERS = {
    "gradient_accumulation_steps=0": "gradient_accumulation_steps: 0 must be at least 1 (the default is 1)",
    "lora_rank=-8": "lora_rank: -8 must be at least 1 (the default is 8)",
    "per_device_train_batch_size=0": "per_device_train_batch_size: 0 must be at least 1 (the default is 8)",
    "max_seq_len=0": "max_seq_len: 0 must be at least 1 (the default is 4096)",
    "learning_rate=-1.0e-5": "learning_rate: -1e-05 must be at least 0 and at most 1 (the default is 5e-05)",
    "weight_decay=.nan": "weight_decay: nan must be at least 0 and at most 1 (the default is 0)",
    "adam_beta2=1": "adam_beta2: 1 must be at least 0 and less than 1 (the default is 0.999)",
    "max_steps=0": "max_steps: 0 must be at least 1, or -1 (the default is -1)",
    "save_steps=-3": "save_steps: -3 must be at least 1 (the default is 500)",
    "seed=0": "seed: 0 must be at least 1 and at most 4294967295 (the default is 42)",
    "logging_steps=3000000000": "must be at least 1 and at most 2147483647",
    "no_recompute_layers=[1,-2]": "no_recompute_layers: -2 must be 0 or more",
}

WORDS = {
    "lr_scheduler_type=cosin": "lr_scheduler_type: 'cosin' is none of linear, cosine, constant, "
    "constant_with_warmup, polynomial, did you mean 'cosine'?",
    "optim=adafactor": "optim: 'adafactor' is none of adamw, ",
    "_attn_implementation=flash": "_attn_implementation: 'flash' is none of eager, sdpa, flashmask",
    "truncation_strategy=cut": "truncation_strategy: 'cut' is none of delete, right, left, oral",
    "mix_strategy=all": "mix_strategy: 'all' is none of concat, ",
    "device=cuda": "device: 'cuda' is none of cpu, gpu, ",
    "train_dataset_type=jsonl": "train_dataset_type: 'jsonl' is none of messages, erniekit",
    "train_dataset_prob=-1.0": "train_dataset_prob: '-1.0' must be a number, at least 0, for each path",
    "eval_dataset_prob=0.0": "eval_dataset_prob: '0.0' takes no record",
    "fine_tuning=lorra": "fine_tuning: 'lorra' is none of LoRA, full",
    "report_to=[tensorbord]": "report_to: 'tensorbord' is none of visualdl, ",
    "lr_scheduler=constant": "lr_scheduler: has no effect, lr_scheduler_type decides",
    "save_strategy=off": "save_strategy: 'off' is none of no, steps, epoch",
    "sharding=yes": "sharding: 'yes' is none of stage1, stage2, stage3",
}


@pytest.mark.parametrize("bad", [NUMBERS, WORDS], ids=["numbers", "words"])
def test_the_check_says_in_one_line_each_key_its_value_and_what_to_write(
    recipe: Path, capsys: pytest.CaptureFixture[str], bad: Mapping[str, str]
) -> None:
    assert run_command(lambda: main([str(recipe), *bad, "check_samples=2"])) == USER_ERROR_EXIT_CODE
    said = capsys.readouterr().err
    assert [message for message in bad.values() if message not in said] == []
    assert said.count("\n") == 1


@pytest.mark.parametrize(("word", "message"), [*NUMBERS.items(), *WORDS.items()])
def test_each_of_them_is_refused_alone(recipe: Path, word: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        check_recipe(recipe, [word], checks=RECIPE_CHECKS)
