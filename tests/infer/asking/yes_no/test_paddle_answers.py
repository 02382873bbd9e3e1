"""The questions as the paddle engine answers them, with a random tiny model."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grounding.boxes import Box, Size
from grounding.prompts import yes_no_wordings
from grounding.samples import Detection
from infer.asking.parsed_answers import ParsedAnswer, SizedRequest
from infer.asking.yes_no import yes_probability
from infer.asking.yes_no.asking_back import NEITHER_YES_NOR_NO, AskWhetherRight
from infer.asking.yes_no.box_requests import BoxQuestionForm
from infer.asking.yes_no.doubt_band import DoubtBand
from infer.engines.protocol import RawAnswer, Request
from infer.engines.settings import EngineSettings

SIZE = Size(64, 48)
FOUND = (Detection("red square", Box(4, 4, 30, 30), 0.5), Detection("cup", Box(20, 20, 60, 44), 0.25))


class Noting:
    """Passes questions on to an engine, and keeps the answers."""

    def __init__(self, engine: object) -> None:
        self.engine, self.answers = engine, list[RawAnswer]()

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        answers: list[RawAnswer] = self.engine.answer(requests)  # type: ignore[attr-defined]
        self.answers += answers
        return answers


@pytest.mark.parametrize("show", ["outline", "text"])
def test_one_token_with_its_alternatives_is_the_answer(
    tiny_checkpoint: Path, tmp_path: Path, show: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from infer.engines.paddle.engine import PaddleEngine

    pixels = np.random.default_rng(0).integers(0, 256, (SIZE.height, SIZE.width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "image.png")
    settings = EngineSettings(checkpoint=str(tiny_checkpoint), device="cpu", batch_size=1, score="yes_no")
    engine = Noting(PaddleEngine(settings))
    wording = yes_no_wordings("en", states_box=show == "text")[0]
    way = AskWhetherRight(
        lambda requests: [ParsedAnswer("", FOUND, ()) for _ in requests],
        engine,
        BoxQuestionForm(wording, show, "objects"),
        DoubtBand(0.0, 1.0),
        batch_size=4,
    )
    request = SizedRequest(Request((tmp_path / "image.png",), "", "<image>?"), SIZE)
    (answer,) = way([request])
    assert [len(each.tokens) for each in engine.answers] == [1, 1]
    for each in engine.answers:
        (token,) = each.tokens
        assert len(token.alternatives) == yes_probability.ALTERNATIVES
        assert token.alternatives[0] == (token.text, pytest.approx(token.logprob, abs=1e-5))
    # Random weights say neither: the scores stay.
    assert answer.detections == FOUND
    assert answer.problems == (NEITHER_YES_NOR_NO,) * 2
    # Let the likeliest tokens of these answers be the words: their share is what the engine's numbers tell.
    yes, no = (engine.answers[0].tokens[0].alternatives[place] for place in (1, 3))
    monkeypatch.setattr(yes_probability, "says_yes", lambda text: {yes[0]: True, no[0]: False}.get(text))
    monkeypatch.setattr(yes_probability, "LEAST_ANSWERED", 0.0)
    (again,) = way([request])
    expected = math.exp(yes[1]) / (math.exp(yes[1]) + math.exp(no[1]))
    assert again.detections[0].score == pytest.approx(expected, abs=2e-3)
