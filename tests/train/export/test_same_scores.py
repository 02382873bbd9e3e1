"""An exported model gives the same scores in Paddle, by a server's log-probabilities, and in transformers."""

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from grounding.answers.reader import read_answer
from grounding.boxes import Size
from grounding.errors import UserError
from grounding.recipe.loading import load_recipe
from infer.asking.dataset_questions import read_questions
from infer.asking.token_scores import token_scores
from infer.confidence.box_features import FEATURE_NAMES, box_features
from infer.confidence.calibration import Calibration, FittedOn, Weighing
from infer.engines.openai.client import OpenAIEngine
from infer.engines.opening import open_engine
from infer.engines.paddle.engine import PaddleEngine
from infer.engines.protocol import Engine, RawAnswer, Request
from infer.engines.settings import CALIBRATED, EngineSettings
from infer.parity.comparing import compare_engines
from infer.parity.parity_settings import ParitySettings
from infer.parity.score_stage import SCORE_TOLERANCE, with_alternatives
from infer.recipe import InferRecipe
from infer.runs.predict import predict
from models.heads.box_file import read_box_head
from tests.infer.serve.running_server import running
from tests.train.conftest import TINY_RECIPE, TrainHere
from tests.train.export.known_answer import IMAGES, OBJECTS, SIDE, words_to_learn, write_known_answer
from train.box_head.__main__ import main as train_head
from train.export.folder_writer import export
from train.tiny.config_files import TinySettings
from train.tiny.model import write_tiny_model

MARKS = ("<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>")
NEW_TOKENS = 80
RECIPES = Path(__file__).resolve().parents[3] / "recipes"
HEAD_RECIPE, INFER_RECIPE = (RECIPES / name / "demo.yaml" for name in ("box_head", "infer"))
TOKEN_SCORES = ("mean_logprob", "min_prob")
COUNT = len(FEATURE_NAMES)
CALIBRATION = Calibration(
    Weighing(
        FEATURE_NAMES,
        means=(0.0,) * COUNT,
        scales=(1.0,) * COUNT,
        lows=(-100.0,) * COUNT,
        highs=(100.0,) * COUNT,
        weights=tuple(0.1 * (-1) ** number for number in range(COUNT)),
        bias=0.0,
    ),
    FittedOn("", "", "train", "objects", (), 0, 0, {}, {}),
    {},
)
"""One to which every feature matters, for better or worse."""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_known_answer(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def exported(dataset: Path, train_here: TrainHere, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for Hugging Face of a tiny model that has learned two boxes; a label's tokens are bytes."""
    folder = tmp_path_factory.mktemp("run")
    write_tiny_model(folder / "base", TinySettings())
    code, said = train_here([TINY_RECIPE], words_to_learn(folder / "base", dataset, folder / "run"))
    assert code == 0, said
    return export(folder / "run")


@pytest.fixture(scope="module")
def paddle(exported: Path) -> PaddleEngine:
    keys = {"device": "cpu", "score": "min_prob", "max_new_tokens": NEW_TOKENS}
    return PaddleEngine(EngineSettings(checkpoint=str(exported), **keys))  # type: ignore[arg-type]


@dataclass
class WithoutMarks:
    """A server that lists special tokens, and leaves them out of the text, as vLLM does if it is not told."""

    engine: Engine

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        answers = []
        for answer in self.engine.answer(requests):
            text = answer.text
            for mark in MARKS:
                text = text.replace(mark, "")
            answers.append(replace(answer, text=text))
        return answers


@contextmanager
def client(engine: Engine) -> Iterator[OpenAIEngine]:
    with running(engine=engine) as server:
        url = f"http://127.0.0.1:{server.port}/v1"
        keys = {"base_url": url, "model": "m", "score": "min_prob", "max_new_tokens": NEW_TOKENS}
        yield OpenAIEngine(EngineSettings(engine="openai", **keys))  # type: ignore[arg-type]


def scores_of(answers: Sequence[RawAnswer]) -> list[dict[str, float]]:
    """Return every score and feature of every box."""
    found = []
    for answer in answers:
        reading = read_answer(answer.text, Size(SIDE, SIDE))
        assert [each.label for each in reading.detections] == list(OBJECTS), answer.text
        features = box_features(reading, answer.tokens, Size(SIDE, SIDE), is_cut=answer.is_cut)
        scores = [token_scores(answer.tokens, reading.spans, score) for score in TOKEN_SCORES]
        calibrated = CALIBRATION.scores(features)
        for number, named in enumerate(features):
            assert named is not None
            values = (*(score[number] for score in scores), *named, calibrated[number])
            assert all(value is not None and math.isfinite(value) for value in values)
            found.append(dict(zip((*TOKEN_SCORES, *FEATURE_NAMES, CALIBRATED), values, strict=True)))
    return found  # type: ignore[return-value]


@pytest.fixture(scope="module")
def requests(dataset: Path) -> list[Request]:
    return [with_alternatives(question.request) for question in read_questions(dataset, "val")]


@pytest.fixture(scope="module")
def expected(paddle: PaddleEngine, requests: list[Request]) -> list[dict[str, float]]:
    scores = scores_of(paddle.answer(requests))
    assert len(scores) == IMAGES * len(OBJECTS)
    assert len({named["digits_mean"] for named in scores}) > 6  # not all of them are 1
    assert all(0.01 < named[CALIBRATED] < 0.99 for named in scores)
    return scores


@pytest.mark.slow
@pytest.mark.parametrize("leaves_out_marks", [False, True])
def test_a_server_gives_the_scores_of_paddle(
    paddle: PaddleEngine, requests: list[Request], expected: list[dict[str, float]], leaves_out_marks: bool
) -> None:
    with client(WithoutMarks(paddle) if leaves_out_marks else paddle) as engine:
        answers = engine.answer(requests)
    assert ("<|box_start|>" in answers[0].text) is not leaves_out_marks
    assert any(token.is_unfinished for token in answers[0].tokens)  # a character of several tokens
    for here, there in zip(expected, scores_of(answers), strict=True):
        assert there == pytest.approx(here, abs=SCORE_TOLERANCE)


@pytest.mark.slow
def test_a_box_head_is_trained_and_corrects_what_the_model_answers(
    exported: Path, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The two commands that a user types, in this process."""
    head = tmp_path / "head"
    keys = [f"checkpoint={exported}", f"dataset={dataset}", f"max_new_tokens={NEW_TOKENS}"]
    small = ["answers=8", "temperature=0.7", "hidden=8", "epochs=5"]
    assert train_head([str(HEAD_RECIPE), *keys, *small, f"output_dir={head}"]) == 0
    assert "boxes in 6 images" in capsys.readouterr().out
    file = head / "box_head.safetensors"
    card = read_box_head(file).card
    assert 0 < card.matched <= card.boxes <= 6 * 8 * len(OBJECTS)
    rows = {}
    for boxes, score in (("text", "none"), ("head", "head")):
        own = [f"output_dir={tmp_path / boxes}", f"boxes={boxes}", f"score={score}"]
        named = [f"box_head={file}"] if boxes == "head" else []
        written = predict(load_recipe(InferRecipe, INFER_RECIPE, [*keys, *own, *named]), open_engine)
        rows[boxes] = [json.loads(line) for line in written.read_text(encoding="utf-8").splitlines()]
    for plain, judged in zip(rows["text"], rows["head"], strict=True):
        assert plain["raw"] == judged["raw"]
        assert len(plain["detections"]) == len(judged["detections"]) == len(OBJECTS)
        assert all(0 < found["score"] <= 1 for found in judged["detections"])
    others = load_recipe(InferRecipe, INFER_RECIPE, [*keys, "boxes=head", f"output_dir={tmp_path / 'other'}"])
    with pytest.raises(
        UserError, match=r"box_head.safetensors: no such file: run `python -m train.box_head`"
    ):
        predict(others, open_engine)
    assert not (tmp_path / "other").exists()


@pytest.mark.slow
def test_parity_compares_scores_of_transformers_and_of_a_server(
    exported: Path, dataset: Path, paddle: PaddleEngine, torch_forks: Path
) -> None:
    with running(engine=paddle) as server:
        reports = compare_engines(
            exported,
            ParitySettings(
                dataset=str(dataset), prompts=IMAGES, max_new_tokens=NEW_TOKENS, device="cpu", model="m",
                torch_python=str(torch_forks), base_url=f"http://127.0.0.1:{server.port}/v1",
            ),
        )  # fmt: skip
    assert [report.name for report in reports] == ["transformers", "server"]
    for report in reports:
        assert report.is_equal, report.text
        assert report.boxes is not None
        assert report.boxes.boxless == 0
