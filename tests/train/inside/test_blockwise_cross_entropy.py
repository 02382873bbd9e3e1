"""The loss in blocks is Paddle's cross entropy, with its gradients, in less memory."""

import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from train.inside import blockwise_cross_entropy
from train.inside.blockwise_cross_entropy import mean_cross_entropy

ROOT = Path(__file__).resolve().parents[3]
RECORDS, LENGTH, WIDTH, VOCABULARY, IGNORED = 2, 9, 16, 50, -100
Loss = Callable[[Any, Any, Any], Any]


def paddles_own(hidden: Any, weight: Any, labels: Any) -> Any:
    """The mean over learned tokens, which cross_entropy takes for ignored labels from 0 on only."""
    import paddle

    logits = paddle.matmul(hidden, weight, transpose_y=True).reshape([-1, weight.shape[0]])
    losses = paddle.nn.functional.cross_entropy(
        logits, labels.flatten(), ignore_index=IGNORED, reduction="none"
    )
    return losses.sum() / (labels != IGNORED).sum().astype("float32")


def in_blocks(hidden: Any, weight: Any, labels: Any) -> Any:
    return mean_cross_entropy(hidden, weight, labels, IGNORED)


def inputs(spread: float = 1.0) -> tuple[Any, Any, Any]:
    """Hidden states, weight and labels; a third of the labels are ignored."""
    import paddle

    chance = np.random.default_rng(5)
    labels = chance.integers(0, VOCABULARY, (RECORDS, LENGTH))
    labels[0, :5] = labels[1, 3] = IGNORED
    labels[1, :2] = 0, VOCABULARY - 1
    numbers = [chance.normal(0, spread, shape) for shape in ((RECORDS, LENGTH, WIDTH), (VOCABULARY, WIDTH))]
    hidden, weight = (paddle.to_tensor(number, dtype="float32") for number in numbers)
    return hidden, weight, paddle.to_tensor(labels)


def loss_and_gradients(loss: Loss, frozen: str = "", spread: float = 1.0) -> tuple[float, Any, Any]:
    hidden, weight, labels = inputs(spread)
    hidden.stop_gradient, weight.stop_gradient = frozen == "hidden", frozen == "weight"
    value = loss(hidden * 1.0, weight, labels)
    (3 * value).backward()
    return float(value), *(
        None if tensor.grad is None else tensor.grad.numpy() for tensor in (hidden, weight)
    )


@pytest.mark.parametrize("frozen", ["nothing", "hidden", "weight"])
@pytest.mark.parametrize("block", [2**26, 25 * 12, 12 * 7, 12, 1])
def test_loss_and_gradients_are_paddles(monkeypatch: pytest.MonkeyPatch, block: int, frozen: str) -> None:
    monkeypatch.setattr(blockwise_cross_entropy, "BLOCK_LOGITS", block)
    expected, found = (loss_and_gradients(loss, frozen) for loss in (paddles_own, in_blocks))
    assert found[0] == pytest.approx(expected[0], rel=1e-6)
    for name, gradient, same in zip(("hidden", "weight"), found[1:], expected[1:], strict=True):
        assert (gradient is None) == (same is None) == (frozen == name)
        if gradient is not None:
            np.testing.assert_allclose(gradient, same, atol=1e-6, err_msg=name)


def in_float64(spread: float) -> tuple[float, Any, Any]:
    """The loss and three times its gradients by numpy; Paddle's CPU kernel ends at a loss of 64."""
    hidden, weight, labels = (tensor.numpy() for tensor in inputs(spread))
    hidden, weight, labels = hidden.reshape([-1, WIDTH]).astype(float), weight.astype(float), labels.ravel()
    learned = labels != IGNORED
    logits = (hidden @ weight.T)[learned]
    shifted = logits - logits.max(axis=1, keepdims=True)
    logarithms = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    picked = np.eye(VOCABULARY)[labels[learned]]
    slopes = 3 * (np.exp(logarithms) - picked) / learned.sum()
    to_hidden = np.zeros_like(hidden)
    to_hidden[learned] = slopes @ weight
    loss = -(logarithms * picked).sum() / learned.sum()
    return float(loss), to_hidden.reshape([RECORDS, LENGTH, WIDTH]), slopes.T @ hidden[learned]


@pytest.mark.parametrize("block", [2**26, 12 * 7])
@pytest.mark.parametrize("spread", [1.0, 30.0])
def test_large_logits_stay_finite(monkeypatch: pytest.MonkeyPatch, block: int, spread: float) -> None:
    monkeypatch.setattr(blockwise_cross_entropy, "BLOCK_LOGITS", block)
    expected, found = in_float64(spread), loss_and_gradients(in_blocks, spread=spread)
    assert (expected[0] > 1000) == (spread > 1)
    assert found[0] == pytest.approx(expected[0], rel=1e-6)
    for gradient, same in zip(found[1:], expected[1:], strict=True):
        np.testing.assert_allclose(gradient, same, rtol=1e-4, atol=1e-6 * spread)


def test_a_large_vocabulary_is_summed_as_precisely() -> None:
    """A sum of all 120,000 exponentials in one go is 1e-4 off on a CPU."""
    import paddle

    chance = np.random.default_rng(3)
    states, rows = chance.normal(0, 1, (6, 32)), chance.normal(0, 0.4, (120_000, 32))
    labels = chance.integers(0, len(rows), len(states))
    hidden, weight = (paddle.to_tensor(numbers, dtype="float32") for numbers in (states, rows))
    logits = hidden.numpy().astype(float) @ weight.numpy().astype(float).T
    expected = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(labels)), labels]
    loss = float(in_blocks(hidden, weight, paddle.to_tensor(labels)))
    assert loss == pytest.approx(expected.mean(), abs=2e-6)


def test_a_label_that_is_nearly_certain_keeps_its_small_loss() -> None:
    import paddle

    hidden, weight = paddle.ones([1, 1]), paddle.to_tensor([[20.0], *[[0.0]] * 300])
    loss = float(in_blocks(hidden, weight, paddle.to_tensor([0])))
    assert loss == pytest.approx(300 * math.exp(-20.0), rel=1e-6)


def test_nothing_to_learn_is_no_loss_of_zero() -> None:
    hidden, weight, labels = inputs()
    assert math.isnan(float(in_blocks(hidden, weight, labels * 0 + IGNORED)))


def test_no_more_than_a_block_of_logits_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    """The allocator's own count: 512 tokens of 8,192 entries are 16 MiB of logits, a block is 2 MiB."""
    import paddle
    from paddle.base import core

    tokens, vocabulary, width = 512, 8192, 8
    labels = paddle.arange(tokens)
    small = tokens * vocabulary * 4 // 8
    monkeypatch.setattr(blockwise_cross_entropy, "BLOCK_LOGITS", small // 4)

    def peak(loss: Loss) -> int:
        hidden, weight = paddle.ones([tokens, width]), paddle.ones([vocabulary, width])
        hidden.stop_gradient = weight.stop_gradient = False
        before = core.host_memory_stat_current_value("Allocated", 0)
        core.host_memory_stat_reset_peak_value("Allocated", 0)
        loss(hidden, weight, labels).backward()
        return int(core.host_memory_stat_peak_value("Allocated", 0)) - before

    gradients = (tokens + 2 * vocabulary) * width * 4
    assert peak(paddles_own) > 2 * 8 * small
    assert peak(in_blocks) < 1.2 * small + 2 * gradients


@pytest.mark.parametrize("weights", ["bfloat16", "float32"])
def test_products_are_in_16_bits_and_the_loss_is_not(monkeypatch: pytest.MonkeyPatch, weights: str) -> None:
    """16-bit weights (O2) and float32 weights that are cast (O1). A CPU has no such product: it is cast."""
    import paddle

    multiply, formats = paddle.matmul, []

    def matmul(one: Any, other: Any, **options: Any) -> Any:
        formats.append((str(one.dtype), str(other.dtype)))
        return multiply(one.astype("float32"), other.astype("float32"), **options).astype("bfloat16")

    expected = in_float64(1.0)
    monkeypatch.setattr(blockwise_cross_entropy, "BLOCK_LOGITS", 12 * 7)
    monkeypatch.setattr(paddle, "matmul", matmul)
    monkeypatch.setattr(paddle, "is_autocast_enabled", lambda: True)
    monkeypatch.setattr(paddle, "get_autocast_dtype", lambda: paddle.bfloat16)
    hidden, weight, labels = inputs()
    hidden, weight = hidden.astype(weights), weight.astype(weights)
    hidden.stop_gradient = weight.stop_gradient = False
    loss = in_blocks(hidden, weight, labels)
    (3 * loss).backward()
    assert set(formats) == {("paddle.bfloat16", "paddle.bfloat16")}
    assert len(formats) == 4 * math.ceil(VOCABULARY / 7)
    assert loss.dtype == paddle.float32
    assert float(loss) == pytest.approx(expected[0], rel=1e-2)
    for tensor, gradient in zip((hidden, weight), expected[1:], strict=True):
        assert tensor.grad.dtype == tensor.dtype
        np.testing.assert_allclose(tensor.grad.astype("float32").numpy(), gradient, atol=0.03)


SPLIT = """
import json, sys
from paddle.distributed import fleet
import paddle
from tests.train.inside.test_blockwise_cross_entropy import VOCABULARY, in_blocks, inputs
from train.inside import blockwise_cross_entropy
from train.inside.blockwise_cross_entropy import mean_cross_entropy
from train.inside.patches.paddleformers_1_2.shared.model_parallel_group import model_parallel_group
blockwise_cross_entropy.BLOCK_LOGITS = 12 * 7
strategy = fleet.DistributedStrategy()
strategy.hybrid_configs = {"mp_degree": 2}
fleet.init(is_collective=True, strategy=strategy)
group, half = model_parallel_group(), VOCABULARY // 2
whole, part = inputs(), inputs()
rows = slice(group.rank * half, (group.rank + 1) * half)
part = (part[0], part[1][rows].clone(), part[2])
for tensors in (whole, part):
    tensors[0].stop_gradient = tensors[1].stop_gradient = False
losses = [in_blocks(*whole), mean_cross_entropy(*part, -100, group)]
for loss in losses:
    loss.backward()
apart = [
    abs(float(losses[0] - losses[1])),
    float((whole[0].grad - part[0].grad).abs().max()),
    float((whole[1].grad[rows] - part[1].grad).abs().max()),
]
print("APART", json.dumps(apart))
"""


@pytest.mark.xdist_group("tiny")
def test_a_split_vocabulary_has_the_loss_of_the_whole(tmp_path: Path) -> None:
    script = tmp_path / "split.py"
    script.write_text(SPLIT, encoding="utf-8")
    words = ["--nproc_per_node", "2", "--run_mode", "collective", "--log_dir", str(tmp_path / "logs")]
    done = subprocess.run(
        [sys.executable, "-m", "paddle.distributed.launch", *words, str(script)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PADDLE_DISTRI_BACKEND": "gloo", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = [file.read_text(encoding="utf-8") for file in sorted((tmp_path / "logs").glob("workerlog.*"))]
    assert done.returncode == 0, "".join(said)[-3000:]
    assert len(said) == 2
    for text in said:
        [line] = [line for line in text.splitlines() if line.startswith("APART ")]
        assert max(map(float, line.removeprefix("APART [").removesuffix("]").split(","))) < 1e-6
