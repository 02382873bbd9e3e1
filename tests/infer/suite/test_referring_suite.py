"""The recipes for RefCOCO and for phrases, prepared as test sets and measured by their suite's layout."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from grounding.recipe.loading import load_recipe
from grounding.suites.suite_recipe import load_suite
from infer.engines.protocol import RawAnswer, Request
from infer.suite.suite_run import run_suite
from prepare.pipeline import prepare_dataset
from prepare.recipe import PrepareRecipe
from tests.prepare.sources.small_sources import (
    HEIGHT,
    WIDTH,
    box_of,
    phrases,
    refcoco,
    write_lines,
    write_refcoco,
)

RECIPES = Path(__file__).parents[3] / "recipes"
RIGHT_IN, RIGHT_OUT = ("cat 1", "cat 3"), ("cat 0",)
"""The expressions about which the engine is right, in the domain and out of it."""


class ReferringEngine:
    """Answers right about the chosen expressions, and with a box in a corner about the others."""

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        return [RawAnswer(self._answer(request), is_cut=False) for request in requests]

    def _answer(self, request: Request) -> str:
        number = next(number for number in range(4) if f"cat {number}" in request.user)
        right = RIGHT_OUT if "phrases" in str(request.picture) else RIGHT_IN
        x1, y1, x2, y2 = box_of(number)
        grid = [x1 * 1000 // WIDTH, y1 * 1000 // HEIGHT, x2 * 1000 // WIDTH, y2 * 1000 // HEIGHT]
        box = grid if f"cat {number}" in right else [900, 900, 990, 990]
        return json.dumps([{"bbox_2d": box, "label": f"cat {number}"}])


def prepare(name: str, *words: str) -> None:
    prepare_dataset(
        load_recipe(PrepareRecipe, RECIPES / "prepare" / f"{name}.yaml", ["test_set=true", *words])
    )


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    content = refcoco()
    content["refs"][0]["split"] = "train"
    for ref in content["refs"][1:]:
        ref["split"] = "testA"
    write_refcoco(content, tmp_path / "source")
    words = [f"source.path={tmp_path}/source", "source.val_split=testA"]
    prepare("refcoco", *words, f"output_dir={tmp_path}/refcoco_testA", "source.train_files='refs(unc).p'")
    write_lines(phrases(), tmp_path / "game")
    prepare("phrases", f"source.path={tmp_path}/game", f"output_dir={tmp_path}/phrases")
    path = tmp_path / "small.yaml"
    path.write_text(
        f"sets:\n  refcoco_testA: {{dataset: {tmp_path}/refcoco_testA, domain: in}}\n"
        f"  game: {{dataset: {tmp_path}/phrases, domain: out}}\nmetrics: [ref_accuracy_50, ref_expressions]"
    )
    return path


def test_official_splits_and_other_phrases_are_measured_with_their_difference(
    suite: Path, checkpoint: Path
) -> None:
    recipe = load_suite(suite, [f"checkpoint={checkpoint}", "draws=20"])
    table = run_suite(recipe, suite, lambda settings: ReferringEngine())
    assert not table.problems
    found = {row.name: dict(row.values) for row in table.rows}
    assert found["refcoco_testA"] == {"ref_accuracy_50": pytest.approx(2 / 3), "ref_expressions": 3}
    assert found["game"] == {"ref_accuracy_50": pytest.approx(1 / 4), "ref_expressions": 4}
    assert found["out of domain minus in domain"]["ref_accuracy_50"] == pytest.approx(1 / 4 - 2 / 3)


def test_the_other_splits_are_no_part_of_a_test_set(suite: Path) -> None:
    folder = suite.with_name("refcoco_testA")
    assert (folder / "train.jsonl").read_bytes() == b""
    assert "cat 0" not in (folder / "val.jsonl").read_text()


def test_refgta_as_published_is_prepared_as_a_test_set(tmp_path: Path) -> None:
    content = refcoco()
    for row in content["instances"]["annotations"]:
        row.pop("segmentation", None)  # the game's objects have boxes alone
    for number, ref in enumerate(content["refs"]):
        ref["split"] = "test" if number else "train"
    write_refcoco(content, tmp_path / "source")
    (tmp_path / "source" / "refs(unc).p").rename(tmp_path / "source" / "refs(utokyo).p")
    words = [f"source.path={tmp_path}/source", "source.val_split=test", f"output_dir={tmp_path}/refgta_test"]
    prepare("refcoco", *words, "source.train_files='refs(utokyo).p'")
    rows = (tmp_path / "refgta_test" / "val.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(rows) == len(content["refs"]) - 1
