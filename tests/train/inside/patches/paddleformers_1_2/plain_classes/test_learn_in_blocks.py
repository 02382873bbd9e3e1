"""The loss in blocks changes no loss, no gradient and no answer of the plain classes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from train.inside import blockwise_cross_entropy
from train.inside.patches.paddleformers_1_2.plain_classes.learn_in_blocks import learn_in_blocks
from train.tiny.config_files import TinySettings
from train.tiny.model import write_tiny_model

STEPS = 20


@pytest.fixture(autouse=True)
def libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo at the end of a test what the patch changes, and let a block be a part of the vocabulary."""
    from paddleformers.nn.criterion.interface import CriterionLayer
    from paddleformers.nn.lm_head import LMHead

    from models.qwen3_vl.plain_classes import PLAIN_CLASSES, plain_class

    for layer in (LMHead, CriterionLayer, *map(plain_class, PLAIN_CLASSES)):
        monkeypatch.setattr(layer, "forward", layer.forward)
    monkeypatch.setattr(blockwise_cross_entropy, "BLOCK_LOGITS", 2000)


@pytest.fixture(scope="module")
def folders(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    mixture = tmp_path_factory.mktemp("experts")
    write_tiny_model(mixture, TinySettings(experts=4))
    return {"dense": tiny_model, "mixture": mixture}


def batch(image: int, start: int, end: int) -> dict[str, Any]:
    """Two records with a picture each, padded to one length; only their last tokens are learned."""
    import paddle

    rows = [
        [5, start, *[image] * 16, end, *range(20, 32)],
        [8, start, *[image] * 16, end, *range(40, 49), 0, 0, 0],
    ]
    labels = [[-100] * 22 + row[22:] for row in rows]
    labels[1][-3:] = [-100] * 3
    paddle.seed(1)
    return {
        "input_ids": paddle.to_tensor(rows),
        "labels": paddle.to_tensor(labels),
        "pixel_values": paddle.randn([128, 384]),
        "image_grid_thw": paddle.to_tensor([[1, 8, 8], [1, 8, 8]]),
    }


@pytest.mark.parametrize("kind", ["dense", "mixture"])
def test_loss_and_gradients_stay(
    kind: str, folders: dict[str, Path], load_model: Any, vision_tokens: tuple[int, int, int]
) -> None:
    model, inputs = load_model(folders[kind]), batch(*vision_tokens)
    found = []
    for patch in (lambda: None, learn_in_blocks):
        patch()
        output = model(**inputs)
        output.loss.backward()
        found.append(
            {name: value.grad.numpy() for name, value in model.named_parameters() if value.grad is not None}
            | {"loss": output.loss.numpy()}
        )
        model.clear_gradients()
    assert output.logits is None
    assert found[0].keys() == found[1].keys()
    assert len(found[0]) > 20
    for name, value in found[0].items():
        np.testing.assert_allclose(found[1][name], value, atol=2e-6, rtol=1e-6, err_msg=name)


def test_without_labels_there_are_logits(
    folders: dict[str, Path], load_model: Any, vision_tokens: tuple[int, int, int]
) -> None:
    import paddle

    model, inputs = load_model(folders["dense"]), batch(*vision_tokens)
    del inputs["labels"]
    with paddle.no_grad():
        before = model(**inputs).logits
        learn_in_blocks()
        assert (model(**inputs).logits == before).all()
        # By position, as tensor parallelism passes it: labels are the seventh argument.
        names = ("attention_mask", "position_ids", "past_key_values", "inputs_embeds")
        others = {name: value for name, value in inputs.items() if name != "input_ids"}
        by_place = model(inputs["input_ids"], *[None] * len(names), inputs["input_ids"], **others)
    assert by_place.logits is None
    assert float(by_place.loss) > 0


def test_a_failing_step_leaves_the_head_as_it_was(folders: dict[str, Path], load_model: Any) -> None:
    import paddle

    learn_in_blocks()
    model = load_model(folders["dense"])
    words = paddle.to_tensor([[5, 6, 7]])
    with pytest.raises(Exception, match="flatten"):
        model(input_ids=words, labels="no labels")
    assert model(input_ids=words).logits.shape[:2] == [1, 3]


@pytest.mark.parametrize("tuning", ["full", "LoRA"])
def test_twenty_steps_have_the_same_losses(
    tuning: str, folders: dict[str, Path], load_model: Callable[[Path], Any], vision_tokens: Any
) -> None:
    import paddle
    from paddleformers.cli.utils import get_lora_target_modules
    from paddleformers.peft import LoRAConfig, LoRAModel

    inputs, curves = batch(*vision_tokens), []
    for patch in (lambda: None, learn_in_blocks):
        patch()
        paddle.seed(3)
        model = load_model(folders["dense"])
        if tuning == "LoRA":
            targets = get_lora_target_modules(model)
            model = LoRAModel(model, LoRAConfig(target_modules=targets, r=4, lora_alpha=8, dtype="float32"))
            model.mark_only_lora_as_trainable()
        learned = [parameter for parameter in model.parameters() if not parameter.stop_gradient]
        optimizer = paddle.optimizer.AdamW(1e-3, parameters=learned)
        losses = []
        for _ in range(STEPS):
            loss = model(**inputs).loss
            loss.backward()
            optimizer.step()
            optimizer.clear_grad()
            losses.append(float(loss))
        curves.append(losses)
    assert curves[0][-1] < curves[0][0] - 0.1
    assert curves[1] == pytest.approx(curves[0], abs=1e-6, rel=1e-6)
