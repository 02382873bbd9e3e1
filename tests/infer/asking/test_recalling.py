"""Objects of all answers: those of the first stay as they are, and scores say how many answers agree."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from grounding.boxes import Box
from grounding.samples import Detection
from infer.asking.dataset_questions import Question
from infer.asking.recalling import merge_objects
from infer.asking.verifying import NOT_VERIFIED
from infer.asking.ways import ask_batch
from infer.confidence.box_features import ALTERNATIVES, FEATURE_NAMES
from infer.confidence.calibration import BeingFitted, Calibration, FittedOn, Weighing
from infer.engines.opening import open_engine
from infer.engines.paddle.engine import PaddleEngine
from infer.engines.protocol import RawAnswer, Request, Token
from infer.engines.settings import EngineSettings
from infer.recipe import InferRecipe
from infer.runs.predict import predict
from tests.infer.asking.color_engine import COLORS, LARGE, SMALL, ColorEngine, ious
from tests.infer.engines.openai.chat_server import ChatServer

LIE = Detection("blue", Box(300, 10, 360, 60))


@pytest.fixture
def high(recipe: InferRecipe) -> InferRecipe:
    return replace(recipe, recall="high", recall_answers=3, batch_size=64)


def test_every_object_is_kept_with_its_share_of_the_answers(
    high: InferRecipe, questions: list[Question]
) -> None:
    engine = ColorEngine(lies={2: [LIE], 3: [LIE]})
    first, second = ask_batch(engine, questions, high)
    assert [(request.draw, request.temperature) for request in engine.requests] == [
        *((0, None), (0, None)),
        *[(1, 1.0), (2, 1.0), (3, 1.0)] * 2,
    ]
    assert engine.batches == [2, 6]
    assert [(item.label, item.score) for item in first.detections] == [
        ("red", 1.0),
        ("green", 1.0),
        ("blue", 0.5),
    ]
    assert [(item.label, item.score) for item in second.detections] == [("blue", 0.5)]
    normal, _ = ask_batch(ColorEngine(), questions, replace(high, recall="normal"))
    assert [item.box for item in first.detections[:2]] == [item.box for item in normal.detections]
    assert first.raw.startswith(f"[first] {normal.raw}\n[draw 1] ")


def test_the_score_is_that_of_the_surest_box_and_the_first_box_stays() -> None:
    one, other = (
        Detection("a", Box(0, 0, 10, 10), 0.5, features=(1.0,)),
        Detection("a", Box(1, 0, 11, 10), 0.9, features=(2.0,)),
    )
    alone = Detection("b", Box(0, 0, 5, 5), 0.3)
    found = merge_objects([[one], [other, alone], [], []], has_scores=True)
    assert [(item.label, item.box.x1, item.score) for item in found] == [("a", 0, 0.9), ("b", 0, 0.3)]
    assert found[0].features == (2.0,)  # those of the surest box
    unscored = replace(alone, score=None)
    assert [item.score for item in merge_objects([[unscored], []], has_scores=True)] == [None]
    assert [item.score for item in merge_objects([[unscored], [alone]], has_scores=True)] == [0.3]
    shares = merge_objects([[one], [other, alone], [], []], has_scores=False)
    assert [item.score for item in shares] == [0.5, 0.25]
    assert merge_objects([[], []], has_scores=False) == []


@dataclass
class SureEngine:
    """Names a box of each draw, surer the higher its number; the first answer has the first box alone."""

    requests: list[Request] = field(default_factory=list)

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        self.requests += requests
        return [self._answer(request.draw, request.alternatives) for request in requests]

    def _answer(self, draw: int, alternatives: int) -> RawAnswer:
        texts = ["red", "(", "1", "00", ",", "100", "),(", "200", ",", f"{200 + 300 * (draw == 2)}", ")"]
        others = (("7", -2.0),) * bool(alternatives)
        tokens = tuple(
            Token(text, math.log(0.5 + draw / 10), alternatives=((text, -0.1), *others) if others else ())
            for text in texts
        )
        return RawAnswer("".join(texts), False, tokens)


def calibration(**weights: float) -> Calibration:
    count = len(FEATURE_NAMES)
    weighing = Weighing(
        FEATURE_NAMES,
        means=(0.0,) * count,
        scales=(1.0,) * count,
        lows=(-100.0,) * count,
        highs=(100.0,) * count,
        weights=tuple(weights.get(name, 0.0) for name in FEATURE_NAMES),
        bias=0.0,
    )
    return Calibration(weighing, FittedOn("", "", "train", "objects", (), 0, 0, {}, {}), {})


def test_a_calibration_scores_the_surest_box_of_an_object(
    high: InferRecipe, questions: list[Question]
) -> None:
    scored = replace(high, score="calibrated")
    made = calibration(label_mean=1.0)
    engine = SureEngine()
    (answer,) = ask_batch(engine, questions[:1], scored, made)
    assert {request.alternatives for request in engine.requests} == {ALTERNATIVES}
    expected = [round(1 / (1 + math.exp(-math.log(0.5 + draw / 10))), 4) for draw in (3, 2)]
    assert [item.score for item in answer.detections] == pytest.approx(expected, abs=1e-4)
    assert [item.features for item in answer.detections] == [(), ()]
    (fitted,) = ask_batch(SureEngine(), questions[:1], scored, BeingFitted())
    assert [item.features[FEATURE_NAMES.index("label_mean")] for item in fitted.detections] == pytest.approx(
        [math.log(0.8), math.log(0.7)], abs=1e-4
    )
    assert [item.score for item in fitted.detections] == pytest.approx([0.8, 0.7])


def test_it_combines_with_the_other_ways(high: InferRecipe, questions: list[Question]) -> None:
    engine = ColorEngine(lies={1: [Detection("blue", Box(60, 60, 100, 100))]})
    combined = replace(high, per_category=True, zoom="tiles", verify="drop", recall_answers=1)
    answer, nothing = ask_batch(engine, questions, combined)
    assert engine.batches == [2 * 3, 2 * 3, 2 * 4, 2 * 4, 3 + 1]  # categories, tiles; then labels, once
    assert {item.label for item in answer.detections} == {"red", "green"}
    assert ious(answer.detections, SMALL)[0] > 0.8
    assert ious(answer.detections, LARGE)[0] > 0.9
    assert set(answer.problems) == {NOT_VERIFIED}
    assert nothing.detections == ()
    assert len(COLORS) == 3


class StopError(Exception):
    """The run is interrupted."""


@dataclass
class Interrupted:
    """An engine that fails after so many batches."""

    engine: PaddleEngine
    left: int

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        self.left -= 1
        if self.left < 0:
            raise StopError
        return self.engine.answer(requests)


def test_an_interrupted_run_resumes_with_the_same_bytes(
    tiny_checkpoint: Path, dataset: Any, tmp_path: Path
) -> None:
    keys = {"checkpoint": str(tiny_checkpoint), "device": "cpu", "max_new_tokens": 6, "batch_size": 3}
    recipe = InferRecipe(
        dataset=str(dataset.path), output_dir=str(tmp_path / "whole"), recall="high", recall_answers=2,
        score="mean_logprob", **keys,  # type: ignore[arg-type]
    )  # fmt: skip
    engine = PaddleEngine(EngineSettings(score="mean_logprob", **keys))  # type: ignore[arg-type]
    expected = predict(recipe, lambda settings: engine).read_bytes()
    (row, *_) = [json.loads(line) for line in expected.decode().splitlines()]
    assert len({part.partition("] ")[2] for part in row["raw"].split("\n[")}) > 1  # sampled ones differ
    disturbed = replace(recipe, output_dir=str(tmp_path / "disturbed"))
    with pytest.raises(StopError):
        predict(disturbed, lambda settings: Interrupted(engine, 4))  # the first three images take three
    assert 0 < len((tmp_path / "disturbed" / "predictions.jsonl.part").read_bytes().splitlines()) < 7
    assert predict(disturbed, lambda settings: engine).read_bytes() == expected


def test_a_server_is_asked_with_a_seed_for_each_draw(dataset: Any, tmp_path: Path) -> None:
    with ChatServer(
        tmp_path / "received", lambda request: RawAnswer("red square(1,2),(3,4)", False)
    ) as server:
        recipe = InferRecipe(
            dataset=str(dataset.path), output_dir=str(tmp_path / "out"), engine="openai", base_url=server.url,
            model="tiny", limit=1, recall="high", recall_answers=2, recall_temperature=0.8, seed=10,
        )  # fmt: skip
        predict(recipe, open_engine)
    asked = [(body["temperature"], body.get("seed")) for body in server.bodies]
    assert asked == [(0.0, None), (0.8, 11), (0.8, 12)]
