"""Prompts that share an image, against each of them read alone."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infer.asking.dataset_questions import read_questions
from infer.engines.kept import Kept
from infer.engines.paddle.engine import PaddleEngine
from infer.engines.paddle.reading.prompt_reader import PromptReader
from infer.engines.settings import EngineSettings
from models.family import Prompt
from tests.models.qwen3_vl.model_variants import plain, with_adapter

FED = (300, 11, 42)
WORDS = ("", " red square", " green circle", " red square green circle")

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def engine(any_checkpoint: Path) -> PaddleEngine:
    return PaddleEngine(EngineSettings(checkpoint=str(any_checkpoint), device="cpu"))


@pytest.fixture
def prompts(engine: PaddleEngine, dataset: Any) -> list[Prompt]:
    """Four questions about each of three images; those about the second have a system message."""
    requests = [question.request for question in read_questions(dataset.path, "val")][:3]
    return [engine.encode(replace(each, user=each.user + more)) for each in requests for more in WORDS]


class Counted:
    """A forward pass that counts what it reads."""

    def __init__(self, forward: Any) -> None:
        self.forward = forward
        self.read: list[int] = []

    def read_prompts(self, prompts: Sequence[Prompt], pad_id: int) -> Any:
        self.read += [id(prompt.pixel_values) for prompt in prompts]
        return self.forward.read_prompts(prompts, pad_id)

    def extend(self, *words: Any, **names: Any) -> Any:
        return self.forward.extend(*words, **names)


def check(reader: PromptReader, forward: Any, prompts: Sequence[Prompt], numbers: Sequence[int]) -> None:
    """Compare prompts that were read together, and tokens fed after them, with each prompt alone."""
    read = reader.read(numbers)
    logits, seen = read.logits, []
    for step in range(len(FED) + 1):
        seen.append(logits.numpy())
        if step < len(FED):
            places = [position + 1 + step for position in read.positions]
            fed = [[FED[(step + row) % 3]] for row in range(len(numbers))]
            logits = forward.extend(fed, places, read.cache)[:, 0]
    for row, number in enumerate(numbers):
        alone = forward.read_prompts([prompts[number]], 0)
        assert alone.positions == [read.positions[row]]
        expected = alone.logits
        for step in range(len(FED) + 1):
            wanted = expected.numpy()[0]
            np.testing.assert_allclose(seen[step][row], wanted, atol=1e-5 * np.abs(wanted).max())
            if step < len(FED):
                place = alone.positions[0] + 1 + step
                expected = forward.extend([[FED[(step + row) % 3]]], [place], alone.cache)[:, 0]


@pytest.mark.parametrize("make", [plain, with_adapter])
@pytest.mark.parametrize(
    "chosen",
    [
        [0, 1, 2, 3],
        [3, 3, 3],
        [0, 4, 5, 1, 8, 5, 11, 4],
        [0, 4, 8],
        [7, 7, 0, 3, 3],
    ],
    ids=["one image", "one question", "three images", "no image twice", "question twice"],
)
def test_prompts_are_read_as_they_are_alone(
    engine: PaddleEngine, prompts: list[Prompt], make: Callable[[PaddleEngine], Any], chosen: list[int]
) -> None:
    import paddle

    asked = [prompts[number] for number in chosen]
    with paddle.no_grad():
        forward = Counted(engine.family.forward_pass(make(engine)))
        for kept in (Kept(0), Kept(1 << 30)):
            for _ in range(2):
                reader = PromptReader(forward, asked, engine.decoding.pad_id, kept)
                check(reader, forward.forward, asked, range(len(asked)))
    images = len({id(prompt.pixel_values) for prompt in asked})
    assert len(forward.read) == 3 * images  # of two calls that keep, the second reads nothing


def test_prompts_that_wait_are_not_read_again(engine: PaddleEngine, prompts: list[Prompt]) -> None:
    import paddle

    order = [0, 4, 1, 8, 5, 5, 2, 3, 9]
    asked = [prompts[number] for number in order]
    with paddle.no_grad():
        forward = Counted(engine.family.forward_pass(engine.model))
        reader = PromptReader(forward, asked, engine.decoding.pad_id, Kept(0))
        for start in range(0, len(asked), 2):
            check(reader, forward.forward, asked, range(len(asked))[start : start + 2])
    assert len(forward.read) == 3
    assert not reader._prefixes  # what nobody waits for is dropped


def test_a_question_that_is_kept_serves_others(engine: PaddleEngine, prompts: list[Prompt]) -> None:
    import paddle

    with paddle.no_grad():
        forward, kept = Counted(engine.family.forward_pass(engine.model)), Kept(1 << 30)
        for number in (3, 7):
            PromptReader(forward, [prompts[number]], engine.decoding.pad_id, kept).read([0])
        for chosen in ([0], [2, 3], [7, 1, 5, 3], [3, 7]):
            asked = [prompts[number] for number in chosen]
            reader = PromptReader(forward, asked, engine.decoding.pad_id, kept)
            check(reader, forward.forward, asked, range(len(asked)))
    assert len(forward.read) == 2


def test_a_question_that_begins_another_is_read_right(engine: PaddleEngine, prompts: list[Prompt]) -> None:
    import paddle

    whole = prompts[3]
    [end] = whole.image_ends
    parts = [
        replace(whole, token_ids=whole.token_ids[:length])
        for length in (len(whole.token_ids), end + 1, end + 2, end)
    ]
    with paddle.no_grad():
        forward = engine.family.forward_pass(engine.model)
        for kept in (Kept(0), Kept(1 << 30)):
            for asked in (parts, parts[::-1], parts[1:2], parts[2:3], parts[:1], parts[3:], parts[:2]):
                reader = PromptReader(forward, asked, engine.decoding.pad_id, kept)
                check(reader, forward, asked, range(len(asked)))


def test_other_words_before_the_image_are_another_prefix(
    engine: PaddleEngine, dataset: Any, prompts: list[Prompt]
) -> None:
    import paddle

    request = read_questions(dataset.path, "val")[0].request
    asked = [prompts[0], engine.encode(replace(request, system="Be kind.")), prompts[1]]
    assert len({id(prompt.pixel_values) for prompt in asked}) == 1
    with paddle.no_grad():
        forward = Counted(engine.family.forward_pass(engine.model))
        kept = Kept(1 << 30)
        for _ in range(2):
            reader = PromptReader(forward, asked, engine.decoding.pad_id, kept)
            check(reader, forward.forward, asked, range(3))
    assert len(forward.read) == 2


def test_without_room_nothing_is_kept(engine: PaddleEngine, prompts: list[Prompt]) -> None:
    import paddle

    with paddle.no_grad():
        forward = Counted(engine.family.forward_pass(engine.model))
        for kept in (Kept(0), Kept(1000)):
            for _ in range(2):
                reader = PromptReader(forward, prompts[:1], engine.decoding.pad_id, kept)
                check(reader, forward.forward, prompts[:1], [0])
            assert kept.bytes == 0
    assert len(forward.read) == 4


def test_a_prefix_counts_with_all_its_bytes(engine: PaddleEngine, prompts: list[Prompt]) -> None:
    import paddle

    shape = engine.family.text_shape(engine.model.config.to_dict())
    kept = Kept(1 << 30)
    with paddle.no_grad():
        forward = engine.family.forward_pass(engine.model)
        PromptReader(forward, prompts[:1], engine.decoding.pad_id, kept).read([0])
    tokens = len(prompts[0].token_ids)
    states = 4 * tokens * (2 * shape.layers * shape.key_width + shape.heads)
    assert kept.bytes == states + 4 * shape.vocab_size + 4 * int(np.prod(prompts[0].pixel_values.shape))
