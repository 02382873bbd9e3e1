from pathlib import Path
from typing import Any

import pytest

from grounding.card import Card, save_card
from grounding.errors import UserError
from grounding.suites.suite_recipe import SuiteRecipe
from grounding.suites.suite_sets import SuiteSet, list_sets, missing_parts

PATH = Path("suite.yaml")


def suite(**changes: Any) -> SuiteRecipe:
    return SuiteRecipe(**({"metrics": ["AP"]} | changes))


def prepared(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("val.jsonl", "annotations_val.json"):
        (folder / name).write_text("{}")
    save_card(Card("", {}, "objects", (), "none", {}, {}), folder)
    return folder


def test_a_pattern_names_the_prepared_data_sets_by_their_folders(tmp_path: Path) -> None:
    for name in ("b", "a"):
        prepared(tmp_path / "sets" / name)
    (tmp_path / "sets" / "no_data_set").mkdir()
    named = {"z": {"dataset": str(tmp_path / "sets" / "a"), "domain": "out", "group": "Flora & Fauna"}}
    found = list_sets(suite(datasets=f"{tmp_path}/sets/*", sets=named), PATH)
    assert [one.name for one in found] == ["z", "a", "b"]
    assert (found[0].domain, found[0].group) == ("out", "Flora & Fauna")
    assert found[1].domain is found[1].group is None
    assert found[2].dataset == tmp_path / "sets" / "b"


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ({"a": {}}, "sets.a: write dataset"),
        ({"a": {"dataset": "b", "questions": "c", "images": "d"}}, "sets.a: write dataset"),
        ({"a": {"questions": "c"}}, "sets.a: write dataset"),
        ({"a": {"dataset": "b", "images": "c"}}, "sets.a: write dataset"),
        ({"a": {"dataset": 3}}, "sets.a.dataset: a text"),
        ({"a": {"datset": "b"}}, "unknown key 'datset', did you mean 'dataset'"),
        ({"a": {"dataset": "b", "group": ""}}, "sets.a.group: a text"),
        ({"a": {"dataset": "b", "group": ["x"]}}, "sets.a.group: a text"),
        ({"a": {"dataset": "b", "domain": "inside"}}, "'inside' is not one of in, out"),
    ],
)
def test_other_sets_are_refused(sets: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        list_sets(suite(sets=sets), PATH)


def test_two_sets_of_one_name_and_a_pattern_that_fits_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no prepared data set fits"):
        list_sets(suite(datasets=f"{tmp_path}/*"), PATH)
    folder = prepared(tmp_path / "a")
    with pytest.raises(UserError, match="two are called 'a'"):
        list_sets(suite(datasets=f"{tmp_path}/*", sets={"a": {"dataset": str(folder)}}), PATH)


def test_missing_files_are_named(tmp_path: Path) -> None:
    assert not list(missing_parts(SuiteSet("a", prepared(tmp_path / "a"))))
    (tmp_path / "a" / "val.jsonl").unlink()
    (problem,) = missing_parts(SuiteSet("a", tmp_path / "a"))
    assert problem.startswith(f"{tmp_path / 'a' / 'val.jsonl'}: no such file")
    replay = Card("", {}, "objects", (), "none", {"source": {"kind": "replay"}}, {})
    save_card(replay, tmp_path / "a")
    (problem,) = missing_parts(SuiteSet("a", tmp_path / "a"))
    assert problem.startswith(f"{tmp_path / 'a'}: holds a model's answers to prompts")
    pope = SuiteSet("p", questions=tmp_path / "q.json", images=tmp_path / "images")
    assert len(list(missing_parts(pope))) == 2
