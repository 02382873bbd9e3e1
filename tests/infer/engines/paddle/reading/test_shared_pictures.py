"""Questions that have the first of their pictures in common: what is read, and that answers stay the same."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infer.engines.paddle.engine import PaddleEngine
from infer.engines.paddle.reading.shared_pictures import first_images, shared_beginnings, shared_tokens
from infer.engines.protocol import RawAnswer, Request
from infer.engines.settings import EngineSettings
from models.family import EncodedImage, Prompt
from models.qwen3_vl.forward import Forward
from tests.infer.engines.paddle.several_pictures import ask_about, later_picture, write_pictures

IMAGE = 9
"""The token of an image in made prompts."""

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def open_engine(tiny_checkpoint: Path) -> Callable[..., PaddleEngine]:
    def opened(**changes: Any) -> PaddleEngine:
        settings = EngineSettings(
            checkpoint=str(tiny_checkpoint), device="cpu", max_new_tokens=5, score="mean_logprob", **changes
        )
        engine = PaddleEngine(settings)
        engine.decoding = replace(engine.decoding, end_ids=frozenset())  # a random model may end at once
        return engine

    return opened


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return write_pictures(tmp_path)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The tokens of each prompt or rest of one that the model reads."""
    tokens: list[int] = []
    whole, rest = Forward.read_prompts, Forward.extend_prompts

    def counted(self: Forward, prompts: Sequence[Prompt], pad_id: int) -> Any:
        tokens.extend(len(prompt.token_ids) for prompt in prompts)
        return whole(self, prompts, pad_id)

    def counted_rest(self: Forward, prompts: Sequence[Prompt], starts: Sequence[int], cache: Any) -> Any:
        tokens.extend(len(prompt.token_ids) - start for prompt, start in zip(prompts, starts, strict=True))
        return rest(self, prompts, starts, cache)

    monkeypatch.setattr(Forward, "read_prompts", counted)
    monkeypatch.setattr(Forward, "extend_prompts", counted_rest)
    return tokens


def check_same(ours: list[RawAnswer], expected: list[RawAnswer]) -> None:
    assert [answer.text for answer in ours] == [answer.text for answer in expected]
    for one, other in zip(ours, expected, strict=True):
        np.testing.assert_allclose(
            [token.logprob for token in one.tokens], [token.logprob for token in other.tokens], atol=1e-4
        )


def questions(files: Sequence[Path]) -> list[Request]:
    """Questions that share all pictures, the first two, the first one, or a picture at another place."""
    a, b, c, d = files
    return [
        ask_about([a, b]),
        ask_about([a, c]),
        ask_about([a, b, c]),
        ask_about([a, b, d]),
        ask_about([a]),
        ask_about([b, a]),
        ask_about([a, a]),
        ask_about([d], system="Be brief."),
        ask_about([a, b], "What is different?"),
        later_picture([a, b]),
        later_picture([a, c, d]),
        Request((), "", "Name a colour."),
    ]


def test_answers_are_those_of_questions_alone(
    open_engine: Callable[..., PaddleEngine], files: list[Path], read: list[int]
) -> None:
    plain, engine = open_engine(image_cache_megabytes=0), open_engine()
    asked = questions(files)
    expected = [plain.answer([request])[0] for request in asked]
    assert len({answer.tokens for answer in expected}) == len(asked)  # each picture counts, and its place
    assert len(read) == len(asked)
    alone = sum(read)
    check_same(plain.answer(asked), expected)
    for rows in (None, 2):
        engine.decoding = replace(engine.decoding, rows=rows)
        engine.forget()
        read.clear()
        check_same(engine.answer(asked), expected)
        assert sum(read) < 0.7 * alone
        check_same(engine.answer(asked[::-1]), expected[::-1])
    live = PaddleEngine.from_model(engine.model, engine.encoder, max_new_tokens=5)
    live.decoding = replace(engine.decoding, rows=3)
    check_same(live.answer(asked[::-1]), expected[::-1])


def test_a_picture_more_is_read_after_those_before_it(
    open_engine: Callable[..., PaddleEngine], files: list[Path], read: list[int]
) -> None:
    engine = open_engine()
    turns = [later_picture(files[:1]), later_picture(files[:2])]
    first = replace(turns[0], user=turns[0].history[0].question, history=())
    engine.answer([first])
    whole = engine.encode(turns[1])
    read.clear()
    engine.answer([turns[1]])
    before = engine.encode(first).token_ids
    assert whole.token_ids[: len(before)] == before
    assert read == [len(whole.token_ids) - len(before)]
    read.clear()
    engine.answer([ask_about([files[0], files[2]]), turns[0]])  # what is kept serves both
    assert sum(read) < len(engine.encode(ask_about([files[0], files[2]])).token_ids)


def image(tokens: int) -> EncodedImage:
    return EncodedImage(None, None, tokens)


def made(ids: Sequence[int], *images: EncodedImage) -> Prompt:
    """Return a prompt of ids with images in place of 0."""
    tokens: list[int] = []
    ends, left = [], list(images)
    for number in ids:
        tokens += [IMAGE] * left.pop(0).tokens if number == 0 else [number]
        if number == 0:
            ends.append(len(tokens))
    return Prompt(tokens, images, image_ends=tuple(ends))


def test_no_image_is_parted_and_one_token_is_left() -> None:
    a, b, c = image(3), image(2), image(4)
    whole = made([1, 0, 2, 0, 3, 4], a, b)
    assert shared_tokens(whole, whole) == len(whole.token_ids) - 1
    assert shared_tokens(made([1, 0, 2, 0, 3, 5], a, b), whole) == 8
    assert shared_tokens(made([1, 0, 2, 0, 3, 4], a, c), whole) == 5  # both have tokens of images at 5
    assert shared_tokens(made([1, 0, 6, 0], a, b), whole) == 4
    assert shared_tokens(made([1, 0, 2, 5], a), whole) == 5
    assert shared_tokens(made([1, 0, 2], a), whole) == 4
    assert shared_tokens(made([1, 0], a), whole) == 0
    assert shared_tokens(made([2, 0, 2, 0, 3], a, b), whole) == 0
    assert shared_tokens(made([1, 0, 2, 0, 3], image(3), b), whole) == 0  # looks the same, is another one
    assert shared_tokens(made([1, 2, 3]), whole) == 0


def test_beginnings_are_the_longest_that_are_shared() -> None:
    a, b, c = image(3), image(2), image(4)
    asked = [made([1, 0, 2, 0, 0, 3], a, b, c), made([1, 0, 2, 0, 4], a, b), made([1, 0, 2, 0, 5], a, c)]
    found = shared_beginnings(asked, [])
    assert [beginning.images for beginning in found] == [(a,), (a, b)]
    assert found[1].token_ids == first_images(asked[1], 2).token_ids == asked[1].token_ids[:-1]
    assert shared_beginnings(asked[1:2], []) == []
