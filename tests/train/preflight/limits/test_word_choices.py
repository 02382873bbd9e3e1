from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.errors import UserError
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
