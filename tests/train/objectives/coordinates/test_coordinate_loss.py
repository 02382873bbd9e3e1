"""The loss of coordinates against numpy, against finite differences, and over a split vocabulary."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from train.objectives.coordinates.coordinate_loss import coordinate_loss
from train.objectives.coordinates.distance_targets import NO_DIGIT, digit_code, target_table

RECORDS, LENGTH, WIDTH, VOCABULARY = 2, 7, 8, 40
IDS = (3, 4, 5, 6, 7, 18, 19, 21, 22, 39)
TAU = 50.0
NUMBERS = ((499, 0), (499, 1), (499, 2), (7, 0), (1000, 3), (88, 1))


def inputs(spread: float = 1.0) -> tuple[Any, Any, Any]:
    import paddle

    chance = np.random.default_rng(4)
    codes = np.full((RECORDS, LENGTH), NO_DIGIT)
    codes[0, :3], codes[1, 2:5] = np.split(np.array([digit_code(*each) for each in NUMBERS]), 2)
    hidden, weight = (
        paddle.to_tensor(chance.normal(0, spread, shape), dtype="float32")
        for shape in ((RECORDS, LENGTH, WIDTH), (VOCABULARY, WIDTH))
    )
    hidden.stop_gradient = weight.stop_gradient = False
    return hidden, weight, paddle.to_tensor(codes)


def in_numpy(hidden: Any, weight: Any) -> float:
    """The formula of the docstring in float64, a digit at a time."""
    losses, values = [], []
    places = [(0, 0), (0, 1), (0, 2), (1, 2), (1, 3), (1, 4)]
    for place, (number, digit) in zip(places, NUMBERS, strict=True):
        logits = np.array([hidden[place].astype(float) @ weight[row].astype(float) for row in IDS])
        shares = np.exp(logits - logits.max())
        shares /= shares.sum()
        target = target_table(TAU)[digit_code(number, digit)]
        losses.append(
            sum(goal * np.log(goal / share) for goal, share in zip(target, shares, strict=True) if goal > 0)
        )
        values.append({1: 1, 2: 10, 3: 100, 4: 1000}[len(str(number)) - digit])
    return float(np.average(losses, weights=values))


@pytest.mark.parametrize("spread", [1.0, 6.0])
def test_the_loss_is_that_of_the_formula(spread: float) -> None:
    hidden, weight, codes = inputs(spread)
    found = float(coordinate_loss(hidden, weight, codes, IDS, TAU))
    assert found == pytest.approx(in_numpy(hidden.numpy(), weight.numpy()), rel=2e-5)
    assert found > 0.1


def test_gradients_are_finite_differences() -> None:
    hidden, weight, codes = inputs()
    (3 * coordinate_loss(hidden * 1.0, weight, codes, IDS, TAU)).backward()
    values = [tensor.numpy().astype(float) for tensor in (hidden, weight)]
    step = 1e-5
    for number, tensor in enumerate((hidden, weight)):
        gradient = tensor.grad.numpy()
        slopes = np.zeros_like(gradient)
        for place in np.ndindex(*gradient.shape):
            both = []
            for sign in (1, -1):
                moved = [value.copy() for value in values]
                moved[number][place] += sign * step
                both.append(in_numpy(*moved))
            slopes[place] = 3 * (both[0] - both[1]) / (2 * step)
        np.testing.assert_allclose(gradient, slopes, atol=2e-6)
        assert np.abs(slopes).max() > 0.05


def test_nothing_but_digits_gets_a_gradient() -> None:
    hidden, weight, codes = inputs()
    coordinate_loss(hidden * 1.0, weight, codes, IDS, TAU).backward()
    touched = np.abs(weight.grad.numpy()).sum(axis=1) > 0
    assert sorted(np.flatnonzero(touched)) == sorted(IDS)
    rows = np.abs(hidden.grad.numpy()).sum(axis=2) > 0
    assert (rows == (codes.numpy() != NO_DIGIT)).all()


def test_it_is_0_where_the_model_spreads_as_the_target_does() -> None:
    import paddle

    codes = paddle.to_tensor([[digit_code(499, 2)]])
    weight = np.zeros((VOCABULARY, 1), dtype="float32")
    weight[list(IDS), 0] = np.log(target_table(TAU)[digit_code(499, 2)])
    loss = coordinate_loss(paddle.ones([1, 1, 1]), paddle.to_tensor(weight), codes, IDS, TAU)
    assert float(loss) == pytest.approx(0, abs=1e-6)


def test_a_batch_without_a_box_has_no_loss() -> None:
    hidden, weight, codes = inputs()
    assert coordinate_loss(hidden, weight, codes * 0 + NO_DIGIT, IDS, TAU) is None


@pytest.mark.parametrize("frozen", ["hidden", "weight"])
def test_a_frozen_part_gets_no_gradient(frozen: str) -> None:
    hidden, weight, codes = inputs()
    (hidden if frozen == "hidden" else weight).stop_gradient = True
    coordinate_loss(hidden * 1.0, weight, codes, IDS, TAU).backward()
    assert [tensor.grad is None for tensor in (hidden, weight)] == [frozen == "hidden", frozen == "weight"]


def test_sixteen_bits_have_the_same_loss() -> None:
    hidden, weight, codes = inputs()
    short = [tensor.detach().astype("bfloat16") for tensor in (hidden, weight)]
    for tensor in short:
        tensor.stop_gradient = False
    loss = coordinate_loss(short[0] * 1.0, short[1], codes, IDS, TAU)
    loss.backward()
    assert str(loss.dtype) == "paddle.float32"
    assert float(loss) == pytest.approx(float(coordinate_loss(hidden, weight, codes, IDS, TAU)), rel=0.02)
    assert [str(tensor.grad.dtype) for tensor in short] == ["paddle.bfloat16"] * 2


@pytest.mark.parametrize("parts", [2, 4])
def test_a_split_vocabulary_has_the_loss_and_gradients_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, parts: int
) -> None:
    """Processes one after the other: sums over them are taken from a round before."""
    import paddle

    whole = inputs()
    expected = coordinate_loss(whole[0] * 1.0, whole[1], whole[2], IDS, TAU)
    expected.backward()
    own: dict[int, list[Any]] = {}
    sums: list[Any] = []

    def all_reduce(tensor: Any, group: Any) -> None:
        given = own.setdefault(group.rank, [])
        given.append(tensor.clone())
        if len(sums) >= len(given):
            paddle.assign(sums[len(given) - 1], tensor)

    monkeypatch.setattr(paddle.distributed, "all_reduce", all_reduce)
    rows = VOCABULARY // parts
    for _ in range(3):  # the first round has its own logits, the second the sums of logits, the third all
        own.clear()
        found = []
        for rank in range(parts):
            hidden, weight, codes = inputs()
            part = weight.detach()[rank * rows : (rank + 1) * rows].clone()
            part.stop_gradient = False
            loss = coordinate_loss(hidden * 1.0, part, codes, IDS, TAU, SimpleNamespace(rank=rank))
            loss.backward()
            found.append((loss, hidden.grad, part.grad))
        sums[:] = [sum(own[rank][call] for rank in range(parts)) for call in range(2)]
    for rank, (loss, to_hidden, to_weight) in enumerate(found):
        assert float(loss) == pytest.approx(float(expected), rel=1e-6)
        np.testing.assert_allclose(to_hidden.numpy(), whole[0].grad.numpy(), atol=1e-6)
        same = whole[1].grad.numpy()[rank * rows : (rank + 1) * rows]
        np.testing.assert_allclose(to_weight.numpy(), same, atol=1e-6)
