"""The penalty on weights, against its closed form, a term of the loss, and slices of parameters."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from train.objectives.near_start.learned_parts import LearnedPart, learned_parts
from train.objectives.near_start.near_start_settings import EwcSettings, NearStartSettings
from train.objectives.near_start.penalty_sums import PenaltySums
from train.objectives.near_start.weight_penalty import EWC_CURVE, L2_CURVE, WeightPenalty

L2 = 0.5
EWC = EwcSettings(Path("fisher.safetensors"), 3.0)
FISHER = [[2.0, 1.0], [0.5, 0.0]]
START, MOVED = [[1.0, -2.0], [0.5, 4.0]], [[1.5, -2.0], [0.5, 2.0]]


@pytest.fixture
def layer() -> Any:
    """A linear layer of known weights; its bias is frozen."""
    import paddle

    layer = paddle.nn.Linear(2, 2)
    layer.weight.set_value(paddle.to_tensor(START))
    layer.bias.stop_gradient = True
    return layer


def optimizer_of(layer: Any, **settings: Any) -> Any:
    import paddle

    return paddle.optimizer.AdamW(0.1, parameters=[layer.weight], weight_decay=0.0, **settings)


def loss_of(layer: Any) -> Any:
    import paddle

    return layer(paddle.to_tensor([[1.0, 3.0]])).square().sum()


def test_value_and_gradient_are_those_computed_by_hand(layer: Any) -> None:
    import paddle

    penalty = WeightPenalty(layer, NearStartSettings(L2))
    optimizer, sums = optimizer_of(layer), PenaltySums()
    layer.weight.set_value(paddle.to_tensor(MOVED))
    sums.add(penalty.add_gradients(learned_parts(optimizer)))  # no gradient of a loss yet
    assert layer.weight.grad.numpy().tolist() == [[0.25, 0.0], [0.0, -1.0]]
    assert sums.take() == {L2_CURVE: L2 / 2 * (0.5**2 + 2**2)}
    assert sums.take() == {}
    sums.add(penalty.add_gradients(learned_parts(optimizer)))
    assert layer.weight.grad.numpy().tolist() == [[0.5, 0.0], [0.0, -2.0]]  # added to the one that is there
    assert layer.bias.grad is None


def fisher_of(layer: Any) -> dict[str, Any]:
    import paddle

    return {layer.weight.name: paddle.to_tensor(FISHER)}


def test_each_weight_is_held_by_its_information(layer: Any) -> None:
    """weight F (theta - theta_0): 3 x 2 x 0.5 for the first one; the last has no information, and moves."""
    import paddle

    penalty = WeightPenalty(layer, NearStartSettings(ewc=EWC), fisher_of(layer))
    sums = PenaltySums()
    layer.weight.set_value(paddle.to_tensor(MOVED))
    sums.add(penalty.add_gradients(learned_parts(optimizer_of(layer))))
    assert layer.weight.grad.numpy().tolist() == [[3.0, 0.0], [0.0, 0.0]]
    assert sums.take() == {EWC_CURVE: 3.0 / 2 * 2.0 * 0.5**2}


def test_both_penalties_add_up_and_are_two_curves(layer: Any) -> None:
    import paddle

    penalty = WeightPenalty(layer, NearStartSettings(L2, EWC), fisher_of(layer))
    sums = PenaltySums()
    layer.weight.set_value(paddle.to_tensor(MOVED))
    sums.add(penalty.add_gradients(learned_parts(optimizer_of(layer))))
    assert layer.weight.grad.numpy().tolist() == [[3.25, 0.0], [0.0, -1.0]]
    assert sums.take() == {L2_CURVE: L2 / 2 * 4.25, EWC_CURVE: 0.75}


def test_quadratic_losses_of_two_tasks_meet_where_they_should(layer: Any) -> None:
    """The least of |theta - new|^2 / 2 + weight / 2 F (theta - start)^2 is known for each weight."""
    import paddle

    penalty = WeightPenalty(layer, NearStartSettings(ewc=EWC), fisher_of(layer))
    optimizer = paddle.optimizer.SGD(0.1, parameters=[layer.weight])
    new = paddle.to_tensor(MOVED)
    for _ in range(200):
        ((layer.weight - new).square().sum() / 2).backward()
        penalty.add_gradients(learned_parts(optimizer))
        optimizer.step()
        optimizer.clear_grad()
    pull = EWC.weight * np.array(FISHER)
    wanted = (np.array(MOVED) + pull * np.array(START)) / (1 + pull)
    np.testing.assert_allclose(layer.weight.numpy(), wanted, rtol=1e-5)


def test_steps_are_those_of_a_term_of_the_loss(layer: Any) -> None:
    import paddle

    start = layer.weight.detach().clone()
    ways = []
    for is_term in (False, True):
        layer.weight.set_value(start)
        penalty, optimizer = WeightPenalty(layer, NearStartSettings(L2)), optimizer_of(layer)
        for _ in range(20):
            term = L2 / 2 * (layer.weight - start).square().sum() if is_term else 0.0
            (loss_of(layer) + term).backward()
            if not is_term:
                with paddle.no_grad():
                    penalty.add_gradients(learned_parts(optimizer))
            optimizer.step()
            optimizer.clear_grad()
        ways.append(layer.weight.numpy())
    assert abs(ways[1] - start.numpy()).max() > 0.5
    np.testing.assert_allclose(ways[0], ways[1], atol=1e-6, rtol=0)


def test_a_change_below_the_last_digit_of_a_bfloat16_counts(layer: Any) -> None:
    import paddle

    layer.to(dtype="bfloat16")
    penalty, optimizer = (
        WeightPenalty(layer, NearStartSettings(L2)),
        optimizer_of(layer, multi_precision=True),
    )
    optimizer._create_master_weight(layer.weight).set_value(paddle.to_tensor(START) + 2.0**-10)
    penalty.add_gradients(learned_parts(optimizer))
    assert layer.weight.astype("float32").numpy().tolist() == START
    assert layer.weight.grad.astype("float32").numpy().tolist() == [[L2 * 2.0**-10] * 2] * 2
    layer.weight.main_grad = paddle.ones([2, 2])  # of amp_master_grad
    penalty.add_gradients(learned_parts(optimizer))
    assert layer.weight.main_grad.numpy().tolist() == [[1 + L2 * 2.0**-10] * 2] * 2


def sharded(layer: Any, rank: int) -> Any:
    """Paddle's second optimizer of sharding stage 1 as process `rank` of two has it: its slice of a buffer.

    Only the collectives are left out, which gloo does not have.
    """
    import paddle
    from paddle.distributed.fleet.meta_optimizers.dygraph_optimizer.dygraph_sharding_optimizer import (
        DygraphShardingOptimizerV2,
    )
    from paddle.distributed.fleet.utils.tensor_fusion_helper import ShardingGradView

    weights, size, padded = [layer.weight, layer.bias], 8, {"weight": 4, "bias": 4}
    buffer, gradients = paddle.zeros([size]), paddle.zeros([size])
    views, first = {}, 0
    for each, length in zip(weights, padded.values(), strict=True):
        each.main_grad = None
        views[each.name] = ShardingGradView(each, buffer, gradients, first, length, 2, rank, True)
        first += length
    optimizer = object.__new__(DygraphShardingOptimizerV2)
    inner = optimizer_of(layer)
    vars(optimizer).update(
        _inner_opt=inner,
        _parameter_list=weights,
        _slice_params={},
        sd_release_grads=False,
        _comm_buffer_list=[
            SimpleNamespace(
                params=weights,
                _sharding_param_grad_view=views,
                assign_slice_grad=lambda each, part: views[each.name].assign_slice_grad(part),
            )
        ],
    )
    for each in weights:
        optimizer._create_slice_param(each)
    return optimizer, gradients


@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_adds_the_gradients_of_its_slices(layer: Any, rank: int) -> None:
    import paddle

    layer.bias.stop_gradient = False
    fisher = fisher_of(layer) | {layer.bias.name: paddle.zeros([2])}
    penalty = WeightPenalty(layer, NearStartSettings(L2, EWC), fisher)
    optimizer, gradients = sharded(layer, rank)
    penalty.keep_own(learned_parts(optimizer))
    layer.weight.set_value(paddle.to_tensor(MOVED))
    layer.bias.set_value(paddle.to_tensor([2.0, 0.0]))
    sums = PenaltySums()
    sums.add(penalty.add_gradients(learned_parts(optimizer)))
    own, names = (slice(0, 4), {layer.weight.name}) if rank == 0 else (slice(4, 8), {layer.bias.name})
    wanted = np.zeros(8)
    wanted[own] = np.array([3.25, 0, 0, -1, 1, 0, 0, 0])[own]
    assert gradients.numpy().tolist() == wanted.tolist()
    assert penalty.start.keys() == penalty.fisher.keys() == names
    assert sums.take() == {L2_CURVE: [L2 / 2 * 4.25, L2 / 2 * 4.0][rank], EWC_CURVE: [0.75, 0.0][rank]}


def test_a_slice_of_a_part_of_a_weight_is_cut_at_its_place() -> None:
    import paddle

    whole = paddle.to_tensor([[1.0, 2.0], [3.0, 4.0]])
    assert LearnedPart(whole, span=(1, 3)).cut(whole).numpy().tolist() == [2.0, 3.0]
    assert LearnedPart(whole, span=(3, 6)).cut(whole).numpy().tolist() == [4.0, 0.0, 0.0]  # padding
    assert LearnedPart(whole).cut(whole) is whole


def test_the_value_of_a_divided_weight_is_summed_over_the_processes_that_share_it(
    layer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each process has half of the weight's value, and the whole of the bias's."""
    import paddle

    layer.bias.stop_gradient = False
    layer.weight.is_distributed = True
    penalty, sums = WeightPenalty(layer, NearStartSettings(L2)), PenaltySums()
    layer.weight.set_value(paddle.to_tensor(MOVED))
    layer.bias.set_value(layer.bias + 2.0)
    optimizer = paddle.optimizer.AdamW(0.1, parameters=layer.parameters())
    sums.add(penalty.add_gradients(learned_parts(optimizer)))
    groups = []

    def all_reduce(value: Any, group: Any) -> None:  # the other process has as much
        groups.append(group)
        value.multiply_(paddle.to_tensor(2.0))

    monkeypatch.setattr(paddle.distributed, "all_reduce", all_reduce)
    assert sums.take(split_over="tensor parallel") == {L2_CURVE: 2 * (L2 / 2 * 4.25) + L2 / 2 * 8}
    sums.add(penalty.add_gradients(learned_parts(optimizer)))
    assert sums.take(sharded_over="sharding") == {L2_CURVE: 2 * (L2 / 2 * 4.25 + L2 / 2 * 8)}
    assert groups == ["tensor parallel", "sharding"]


def test_a_curve_is_the_mean_of_the_steps_since_it_was_taken() -> None:
    import paddle

    sums = PenaltySums()
    for value in (1.0, 4.0):
        sums.add({L2_CURVE: paddle.to_tensor([value, value])})
    assert sums.take() == {L2_CURVE: 5.0}
    sums.add({L2_CURVE: paddle.to_tensor([1.0, 0.0])})
    assert sums.take() == {L2_CURVE: 1.0}


def test_the_information_is_kept_in_the_format_of_its_weight(layer: Any) -> None:
    import paddle

    assert WeightPenalty(layer, NearStartSettings(ewc=EWC), fisher_of(layer)).fisher[
        layer.weight.name
    ].dtype == (paddle.float32)
    layer.to(dtype="bfloat16")
    assert WeightPenalty(layer, NearStartSettings(ewc=EWC), fisher_of(layer)).fisher[
        layer.weight.name
    ].dtype == (paddle.bfloat16)


def test_a_parameter_without_a_start_ends_the_run(layer: Any) -> None:
    import paddle

    penalty, other = WeightPenalty(layer, NearStartSettings(L2)), paddle.nn.Linear(2, 2)
    with pytest.raises(RuntimeError, match="without a start"):
        penalty.keep_own(learned_parts(optimizer_of(other)))
