"""The scores of benchmarks/regions_demo.py, on the demo's own recipes and answers of which some are wrong."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from benchmarks.regions_demo import (
    CYCLE,
    DESCRIPTIONS,
    PHRASES,
    TURNS,
    given_shares,
    is_missed,
    is_right,
    right_turns,
)
from grounding.boxes import Box
from grounding.files import read_jsonl
from grounding.recipe.loading import load_recipe
from grounding.record.conversation import Record, parse_record
from grounding.samples import Detection
from infer.cycle.cycle_run import find_again
from infer.cycle.cycle_settings import CycleRunSettings
from infer.engines.protocol import RawAnswer, Request
from infer.recipe import InferRecipe
from infer.report.proportion import Proportion
from infer.runs.predict import predict
from infer.scoring.inputs import read_evaluation
from prepare.pipeline import prepare_dataset
from prepare.recipe import PrepareRecipe
from prepare.shapes.scenes import ShapeSettings
from prepare.shapes.source_files import write_source

ROOT = Path(__file__).parents[4]
RECIPES = ROOT / "recipes"
PIECE = re.compile(r"<\|object_ref_start\|>([^<]*)<\|object_ref_end\|><\|box_start\|>[^<]*<\|box_end\|>")


@dataclass
class Oracle:
    """Answers as the records do; a question that a pattern in `wrong` fits gets the answer there."""

    records: Sequence[Record]
    dataset: Path
    wrong: dict[str, str] = field(default_factory=dict)
    histories: list[str] = field(default_factory=list)

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        return [RawAnswer(self._answer(request), is_cut=False) for request in requests]

    def _answer(self, request: Request) -> str:
        picture = request.picture.relative_to(self.dataset).as_posix()
        asked = f"{picture} {len(request.history)} {request.user}"
        for pattern, answer in self.wrong.items():
            if re.search(pattern, asked):
                return answer
        about = [record for record in self.records if picture in (record.image, _whole(record))]
        if request.history:
            self.histories.append(request.history[0].answer)
        for record in about:
            for question, answer in zip(record.turns[1::2], record.turns[2::2], strict=True):
                if question.text == request.user and record.image == picture:
                    return answer.text
        known = {piece[1]: piece[0] for record in about for piece in PIECE.finditer(record.answers[-1])}
        return next(piece for label, piece in known.items() if label in request.user)


def _whole(record: Record) -> str:
    return record.region.image if record.region else record.image


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set of the demo's recipe, from a few drawn pictures."""
    folder = tmp_path_factory.mktemp("regions")
    write_source(folder / "source", ShapeSettings(images=12, val_images=16))
    words = [f"source.path={folder / 'source'}", f"output_dir={folder / 'data'}"]
    prepare_dataset(load_recipe(PrepareRecipe, RECIPES / "prepare" / "demo_regions.yaml", words))
    return folder / "data"


@pytest.fixture
def score(dataset: Path, checkpoint: Path, tmp_path: Path) -> Any:
    records = [parse_record(row) for _, row in read_jsonl(dataset / "val.jsonl")]

    def run(name: str, wrong: dict[str, str]) -> tuple[dict[str, Proportion], Oracle]:
        engine = Oracle(records, dataset, wrong)
        words = [f"checkpoint={checkpoint}", f"dataset={dataset}", f"output_dir={tmp_path / name}"]
        recipe = load_recipe(InferRecipe, RECIPES / "infer" / "demo_regions.yaml", words)
        predictions = predict(recipe, lambda _: engine)
        find_again(predictions, CycleRunSettings(checkpoint=str(checkpoint)), lambda _: engine)
        evaluation = read_evaluation(predictions)
        turns = right_turns(engine, evaluation, records, dataset, 4)
        return given_shares(evaluation) | {TURNS: Proportion(sum(turns), len(turns))}, engine

    return run


def test_right_answers_reach_all_goals_and_each_wrong_one_counts(dataset: Path, score: Any) -> None:
    shares, _ = score("right", {})
    assert set(shares) == {DESCRIPTIONS, CYCLE, PHRASES, TURNS}
    assert all(share.count == share.total > 0 for share in shares.values()), shares
    assert not any(map(is_missed, shares.values()))
    records = [json.loads(line) for line in (dataset / "val.jsonl").read_text().splitlines()]
    region = next(row for row in records if "region" in row and len(row["messages"]) > 3)
    plain = next(
        row for row in records if row["images"] not in (region["images"], [region["region"]["image"]])
    )
    told = "purple star"
    wrong = {
        f"{region['images'][0]} 0 ": told,
        f"{region['region']['image']} 0 .*{told}": "I see none.",
        f"{plain['images'][0]} 0 .*{re.escape(plain['messages'][1]['content'])}": "no box",
        f"{region['images'][0]} 1 ": "<|object_ref_start|>red square<|object_ref_end|>",
    }
    found, engine = score("wrong", wrong)
    lost = {name: shares[name].count - found[name].count for name in shares}
    # The cycle asks the same question about the picture of `plain`, as each of its objects is described.
    assert lost == {DESCRIPTIONS: 1, CYCLE: 2, PHRASES: 1, TURNS: 1}
    assert {name: found[name].total for name in shares} == {name: shares[name].total for name in shares}
    assert told not in engine.histories  # it was in the history of the turn that is wrong itself
    _, engine = score("told", {f"{region['images'][0]} 0 ": told, f"0 .*{told}": "I see none."})
    assert told in engine.histories  # a second turn comes after the model's own words


def test_the_right_boxes_are_all_that_are_wanted_and_no_others() -> None:
    def item(label: str, *corners: float) -> Detection:
        return Detection(label, Box(*corners))

    dog, shifted, far = item("dog", 0, 0, 10, 10), item("dog", 0, 0, 10, 5), item("dog", 0, 0, 10, 4.9)
    cat = item("cat", 20, 0, 30, 10)
    assert is_right([cat, dog], [dog, cat])
    assert is_right([shifted], [dog])
    assert is_right([], [])
    assert not is_right([far], [dog])
    assert not is_right([dog], [dog, cat])
    assert not is_right([dog, cat], [dog])
    assert not is_right([item("cat", 0, 0, 10, 10)], [dog])
    assert not is_right([dog, dog], [dog, item("dog", 50, 0, 60, 10)])


@pytest.mark.parametrize(
    ("share", "missed"),
    [(Proportion(19, 20), False), (Proportion(94, 100), True), (Proportion(0, 0), True)],
)
def test_a_goal_is_95_percent(share: Proportion, missed: bool) -> None:
    assert is_missed(share) == missed
