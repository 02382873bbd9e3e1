import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.errors import USER_ERROR_EXIT_CODE, UserError, run_command
from train.check import main
from train.keys import known_keys, takes_words, type_problem
from train.preflight.all_checks import RECIPE_CHECKS, check_recipe
from train.preflight.limits.word_choices import (
    FREE_TEXT,
    ONE_WORD,
    SEVERAL_WORDS,
    outside_lists,
    upstream_words,
)
from train.recipe import TrainRecipe, resolve_recipe

LISTS = {**ONE_WORD, **SEVERAL_WORDS, **upstream_words()}
ELSEWHERE = {"device", "template", "stage", *(f"{split}_dataset_{part}" for split in ("train", "eval")
             for part in ("type", "prob"))}  # fmt: skip
STRATEGIES = {"evaluation_strategy", "logging_strategy", "save_strategy"}


def test_every_key_that_takes_a_word_has_a_list_or_is_known_to_have_none() -> None:
    words = {name for name, key in known_keys().items() if takes_words(key)}
    assert words == (LISTS.keys() - {"report_to"}) | FREE_TEXT | ELSEWHERE | STRATEGIES
    assert not LISTS.keys() & FREE_TEXT


def test_every_default_and_every_listed_word_is_taken() -> None:
    for name, known in LISTS.items():
        default = known_keys()[name].default
        for word in (*known, *([default] if isinstance(default, str) else [])):
            value = [word] if name == "report_to" else word
            assert list(outside_lists(TrainRecipe({name: value}))) == [], name


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(sorted(LISTS)), word=st.text("abcdefgxyz_019", min_size=1, max_size=12))
def test_a_word_outside_of_its_list_is_refused(name: str, word: str) -> None:
    value = [word] if name == "report_to" else word
    problems = list(outside_lists(TrainRecipe({name: value})))
    is_known = any(word.lower() == known.lower() for known in LISTS[name])
    assert is_known or len(problems) == 1
    for problem in problems:
        assert problem.startswith(f"{name}: '{word}' is none of {LISTS[name][0]}")


def test_several_words_are_checked_one_by_one() -> None:
    assert list(outside_lists(TrainRecipe({"freeze_config": "freeze_vision freeze_llm"}))) == []
    (problem,) = outside_lists(TrainRecipe({"freeze_config": "freeze_vision freeze_lm"}))
    assert problem == (
        "freeze_config: 'freeze_lm' is none of freeze_vision, freeze_llm, freeze_aligner, "
        "did you mean 'freeze_llm'?"
    )


BAD = {
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


def test_the_check_says_in_one_line_each_key_its_value_and_the_list(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(lambda: main([str(recipe), *BAD, "check_samples=2"])) == USER_ERROR_EXIT_CODE
    said = capsys.readouterr().err
    assert [message for message in BAD.values() if message not in said] == []
    assert said.count("\n") == 1


@pytest.mark.parametrize("word", BAD)
def test_each_of_them_is_refused_alone(recipe: Path, word: str) -> None:
    with pytest.raises(UserError, match=re.escape(BAD[word])):
        check_recipe(recipe, [word], checks=RECIPE_CHECKS)


@pytest.mark.parametrize("spelled", ["lora", "LORA", "Full"])
def test_the_method_is_taken_in_any_case(spelled: str) -> None:
    assert list(outside_lists(TrainRecipe({"fine_tuning": spelled}))) == []


@pytest.mark.parametrize("text", ["no", "off", "yes", "on", "true", "False", "NO"])
def test_a_word_of_the_command_line_stays_a_word_where_a_key_takes_words(recipe: Path, text: str) -> None:
    values = resolve_recipe(recipe, [f"{name}={text}" for name in known_keys()])
    for name, key in known_keys().items():
        assert isinstance(values[name], str) == takes_words(key), name
        assert values[name] == text or not takes_words(key)


def test_no_is_a_strategy_and_a_switch(make_recipe: Callable[..., Path]) -> None:
    path = make_recipe(evaluation_strategy="steps", eval_steps=3, do_eval=True)
    values = check_recipe(
        path, ["evaluation_strategy=no", "do_eval=no", "save_strategy=no", "check_samples=0"]
    )
    assert [values[name] for name in ("evaluation_strategy", "do_eval", "save_strategy")] == [
        "no",
        False,
        "no",
    ]
    with pytest.raises(UserError, match="'off' is none of no, steps, epoch"):
        check_recipe(path, ["evaluation_strategy=off", "do_eval=no"], checks=RECIPE_CHECKS)


def test_a_bare_no_in_a_file_is_refused_with_what_to_write() -> None:
    for value in (False, "false"):  # as a recipe and as an overlay read it
        problem = type_problem(known_keys()["save_strategy"], value)
        assert problem
        assert problem.endswith('(YAML reads a bare no as false: write "no")')
