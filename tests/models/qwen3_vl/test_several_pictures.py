"""The forward pass over prompts with several pictures, against the model's own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infer.engines.paddle.engine import PaddleEngine
from infer.engines.settings import EngineSettings
from models.family import Prompt
from models.qwen3_vl.positions import text_positions
from tests.infer.engines.paddle.several_pictures import ask_about, later_picture, write_pictures
from tests.models.qwen3_vl.model_variants import plain, with_deepstack

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> PaddleEngine:
    return PaddleEngine(EngineSettings(checkpoint=str(tiny_checkpoint), device="cpu"))


@pytest.fixture(scope="module")
def prompts(engine: PaddleEngine, tmp_path_factory: pytest.TempPathFactory) -> list[Prompt]:
    files = write_pictures(tmp_path_factory.mktemp("pictures"))
    asked = [
        ask_about(files[:2]),
        ask_about(files[:3], "Where is the dog?", system="Be brief."),
        ask_about([files[1], files[1]]),
        ask_about(files[2:3]),
        later_picture(files),
    ]
    return engine._encode(asked)


def own_logits(model: Any, prompt: Prompt) -> Any:
    import paddle

    ids = paddle.to_tensor([prompt.token_ids])
    return model(
        input_ids=ids,
        attention_mask=paddle.ones_like(ids),
        pixel_values=prompt.pixel_values,
        image_grid_thw=prompt.image_grid_thw,
    ).logits[0, -1].numpy()  # fmt: skip


def test_positions_are_the_models_own(engine: PaddleEngine, prompts: list[Prompt]) -> None:
    import paddle

    config = engine.model.config
    for prompt in prompts:
        expected, _ = engine.model.model.get_rope_index(
            paddle.to_tensor([prompt.token_ids]), prompt.image_grid_thw
        )
        ours = text_positions(prompt, config.image_token_id, config.vision_config.spatial_merge_size)
        np.testing.assert_array_equal(ours, expected[:, 0].numpy())


@pytest.mark.parametrize("make", [plain, with_deepstack])
def test_logits_are_the_models_own(
    engine: PaddleEngine, prompts: list[Prompt], make: Callable[[PaddleEngine], Any]
) -> None:
    import paddle

    model = make(engine)
    with paddle.no_grad():
        read = engine.family.forward_pass(model).read_prompts(prompts, engine.decoding.pad_id)
        for row, prompt in enumerate(prompts):
            expected = own_logits(model, prompt)
            np.testing.assert_allclose(read.logits[row].numpy(), expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("make", [plain, with_deepstack])
def test_pictures_read_after_others_give_the_models_own_logits(
    engine: PaddleEngine, prompts: list[Prompt], make: Callable[[PaddleEngine], Any]
) -> None:
    """Rows of different lengths go on after their first picture, and leave without their padding."""
    import paddle

    model, chosen = make(engine), [prompts[number] for number in (0, 1, 4)]
    starts = [prompt.image_ends[0] for prompt in chosen]
    with paddle.no_grad():
        forward = engine.family.forward_pass(model)
        whole = forward.read_prompts(chosen, engine.decoding.pad_id)
        caches = [whole.cache.prefix(row, start) for row, start in enumerate(starts)]
        read = forward.extend_prompts(chosen, starts, caches[0].join(*caches[1:]))
        assert read.positions == whole.positions
        for row, prompt in enumerate(chosen):
            expected = own_logits(model, prompt)
            np.testing.assert_allclose(read.logits[row].numpy(), expected, atol=1e-5 * np.abs(expected).max())
        alone = read.cache.alone(0)
        assert alone.length == len(chosen[0].token_ids)
        fed = [300, 11]
        logits = forward.extend([fed], [read.positions[0] + 1], alone.join())[0, -1]
        more = Prompt([*chosen[0].token_ids, *fed], chosen[0].images)
        expected = own_logits(model, more)
        np.testing.assert_allclose(logits.numpy(), expected, atol=1e-5 * np.abs(expected).max())
