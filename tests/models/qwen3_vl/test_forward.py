"""The forward pass against the model's own, which has experts or not, deepstack or not, an adapter or not."""

from collections.abc import Callable
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
from models.qwen3_vl.positions import text_positions
from models.qwen3_vl.vision_tower import read_images
from tests.models.qwen3_vl.model_variants import plain, with_adapter, with_deepstack

TOKENS = ((300, 11, 42), (7, 500, 310))
"""Tokens fed after the prompts, one step after the other, for rows that differ."""

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def engine(any_checkpoint: Path) -> PaddleEngine:
    return PaddleEngine(EngineSettings(checkpoint=str(any_checkpoint), device="cpu"))


@pytest.fixture
def prompts(engine: PaddleEngine, dataset: Any) -> list[Prompt]:
    return [engine.encode(question.request) for question in read_questions(dataset.path, "val")]


def own_logits(model: Any, prompt: Prompt, more: list[int]) -> Any:
    import paddle

    ids = paddle.to_tensor([[*prompt.token_ids, *more]])
    output = model(
        input_ids=ids,
        attention_mask=paddle.ones_like(ids),
        pixel_values=prompt.pixel_values,
        image_grid_thw=prompt.image_grid_thw,
    )
    return output.logits[0, -1].numpy()


@pytest.mark.parametrize("make", [plain, with_deepstack, with_adapter])
def test_logits_are_the_models_own(
    engine: PaddleEngine, prompts: list[Prompt], make: Callable[[PaddleEngine], Any]
) -> None:
    import paddle

    model = make(engine)
    pair = [prompts[0], prompts[3]]
    assert len(pair[0].token_ids) != len(pair[1].token_ids)  # one of them is padded
    with paddle.no_grad():
        forward = engine.family.forward_pass(model)
        read = forward.read_prompts(pair, engine.decoding.pad_id)
        logits = read.logits
        for step in range(len(TOKENS[0]) + 1):
            for row, prompt in enumerate(pair):
                expected = own_logits(model, prompt, list(TOKENS[row][:step]))
                np.testing.assert_allclose(logits[row].numpy(), expected, atol=1e-5 * np.abs(expected).max())
            if step == len(TOKENS[0]):
                break
            places = [position + 1 + step for position in read.positions]
            logits = forward.extend([[tokens[step]] for tokens in TOKENS], places, read.cache)[:, 0]


FED = (((300, 11, 42), (7,)), ((5,), (500, 310)), ((9,), (8,)), ((70, 71), (80, 81)))
"""Blocks of tokens fed after the prompts: for each block, the tokens of the two rows."""


@pytest.mark.parametrize("make", [plain, with_deepstack, with_adapter])
def test_several_tokens_at_once_give_the_models_own_logits(
    engine: PaddleEngine, prompts: list[Prompt], make: Callable[[PaddleEngine], Any]
) -> None:
    import paddle

    model = make(engine)
    pair = [prompts[0], prompts[3]]
    with paddle.no_grad():
        forward = engine.family.forward_pass(model)
        read = forward.read_prompts(pair, engine.decoding.pad_id)
        fed: tuple[list[int], list[int]] = ([], [])
        for block in FED:
            places = [first + 1 + len(ids) for first, ids in zip(read.positions, fed, strict=True)]
            logits = forward.extend(block, places, read.cache, every=True).numpy()
            for row, tokens in enumerate(block):
                for number, token in enumerate(tokens):
                    fed[row].append(token)
                    expected = own_logits(model, pair[row], fed[row])
                    seen = logits[row, number - len(tokens)]
                    np.testing.assert_allclose(seen, expected, atol=1e-5 * np.abs(expected).max())
        # Rows that were padded in the middle leave and grow as others do.
        kept = read.cache.keep([1])
        [last] = forward.extend([[33] * 70], [read.positions[1] + 1 + len(fed[1])], kept).numpy()
        expected = own_logits(model, pair[1], [*fed[1], *[33] * 70])
        np.testing.assert_allclose(last[0], expected, atol=1e-5 * np.abs(expected).max())


TEXTS = ("Name a colour.", "How many legs has a spider, and how many has a cat? Answer with numbers alone.")


@pytest.mark.parametrize("with_picture", [False, True])
def test_prompts_without_a_picture_give_the_models_own_logits(
    engine: PaddleEngine, prompts: list[Prompt], with_picture: bool
) -> None:
    """Alone, and in one batch with a prompt that has a picture; read at once, and with a shared reader."""
    import paddle

    asked = [engine.encoder.encode([], [{"role": "user", "content": text}]) for text in TEXTS]
    asked += prompts[:1] if with_picture else []
    with paddle.no_grad():
        forward = engine.family.forward_pass(engine.model)
        reader = PromptReader(forward, asked, engine.decoding.pad_id, Kept(1 << 30))
        for read in (forward.read_prompts(asked, engine.decoding.pad_id), reader.read(range(len(asked)))):
            places = [position + 1 for position in read.positions]
            logits = forward.extend([[300, 11]] * len(asked), places, read.cache)[:, 0]
            for row, prompt in enumerate(asked):
                for ours, more in ((read.logits, []), (logits, [300, 11])):
                    expected = own_logits(engine.model, prompt, more)
                    np.testing.assert_allclose(
                        ours[row].numpy(), expected, atol=1e-5 * np.abs(expected).max()
                    )


def test_positions_are_the_models_own(engine: PaddleEngine, prompts: list[Prompt]) -> None:
    import paddle

    config = engine.model.config
    for prompt in [*prompts, engine.encoder.encode([], [{"role": "user", "content": TEXTS[0]}])]:
        expected, _ = engine.model.model.get_rope_index(
            paddle.to_tensor([prompt.token_ids]), prompt.image_grid_thw
        )
        ours = text_positions(prompt, config.image_token_id, config.vision_config.spatial_merge_size)
        np.testing.assert_array_equal(ours, expected[:, 0].numpy())


def test_images_of_one_size_are_read_as_they_are_alone(engine: PaddleEngine, prompts: list[Prompt]) -> None:
    import paddle

    with paddle.no_grad():
        together = read_images(engine.model.model.visual, [prompts[number].images[0] for number in (0, 1, 0)])
        alone, _ = engine.model.model.get_image_features(
            paddle.concat([prompt.pixel_values for prompt in prompts[:2]]),
            paddle.concat([prompt.image_grid_thw for prompt in prompts[:2]]),
        )
    for (ours,), expected in zip(together, [alone[0], alone[1], alone[0]], strict=True):
        np.testing.assert_allclose(ours.numpy(), expected.numpy(), atol=1e-5)
