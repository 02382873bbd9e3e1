from pathlib import Path

import pytest

from grounding.errors import UserError
from grounding.suites.suite_recipe import SuiteRecipe, load_suite, suite_folder

GOOD = "sets: {a: {dataset: data/a}}\nmetrics: [AP]\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "suite.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_other_keys_on_the_command_line_are_those_of_an_infer_recipe(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD + "answers: {limit: 3}\n")
    suite = load_suite(path, ["device=cpu", "draws=7", "yes_no.high=0.9", "checkpoint=m"])
    assert suite.answers == {"limit": 3, "device": "cpu", "yes_no": {"high": 0.9}}
    assert (suite.draws, suite.checkpoint) == (7, "m")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("metrics: [AP]", "sets: name at least one"),
        ("sets: {a: {dataset: b}}", "metrics: name at least one"),
        (GOOD + "draws: -1", "draws: -1 is less than 0"),
        (GOOD + "expected: 0", "expected: 0 is less than 1"),
        (GOOD + "ways: {a: 3}", "ways.a: a mapping"),
        (GOOD + "ways: {a/b: {}}", "ways: 'a/b' cannot be the name of a folder"),
        ("sets: {..: {dataset: b}}\nmetrics: [AP]", r"sets: '\.\.' cannot"),
        (GOOD + "avarage: true", "unknown key 'avarage', did you mean 'average'"),
        (GOOD + "average: perhaps", "average"),
    ],
)
def test_what_is_no_suite_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_suite(write(tmp_path, text))


def test_the_table_stands_beside_the_checkpoint(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    assert suite_folder(load_suite(path, [f"checkpoint={tmp_path}"]), path) == tmp_path / "suites" / "suite"
    assert suite_folder(load_suite(path, ["output_dir=x"]), path) == Path("x")
    for words in ([], ["checkpoint=Qwen/Qwen3-VL-8B-Instruct"], [f"checkpoint={tmp_path}/{{set}}"]):
        with pytest.raises(UserError, match="output_dir must be set"):
            suite_folder(load_suite(path, words), path)


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[3] / "recipes" / "suites").glob("*.yaml")))
def test_the_recipes_are_suites(path: Path) -> None:
    assert isinstance(load_suite(path), SuiteRecipe)
