"""The penalty on the effective weights of an adapter, without forming them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from train.objectives.near_start.adapter_penalty import AdapterPenalty
from train.objectives.near_start.learned_parts import LearnedPart, learned_parts
from train.objectives.near_start.near_start_settings import EwcSettings, NearStartSettings
from train.objectives.near_start.penalty_sums import PenaltySums
from train.objectives.near_start.weight_penalty import EWC_CURVE, L2_CURVE

BOTH = NearStartSettings(l2=0.3, ewc=EwcSettings(Path("fisher.safetensors"), 0.7))
L2, INPUTS, RANK, OUTPUTS = 0.3, 6, 2, 5


@pytest.fixture
def model() -> Any:
    """Two linear layers with adapters whose factors are random, and not 0 as at a start."""
    import paddle
    from paddleformers.peft.lora.lora_layers import LoRALinear

    numbers = np.random.default_rng(3)
    model = paddle.nn.LayerList([LoRALinear(INPUTS, OUTPUTS, r=RANK, lora_alpha=2 * RANK) for _ in range(2)])
    for layer in model:
        layer.bias.stop_gradient = True
        for factor in (layer.lora_A, layer.lora_B):
            factor.set_value(numbers.normal(size=factor.shape).astype("float32"))
    return model


def optimizer_of(model: Any) -> Any:
    import paddle

    return paddle.optimizer.AdamW(
        0.1, parameters=[each for each in model.parameters() if not each.stop_gradient]
    )


@pytest.fixture
def fisher(model: Any) -> dict[str, Any]:
    import paddle

    numbers = np.random.default_rng(4)
    return {
        layer.weight.name: paddle.to_tensor(numbers.random((INPUTS, OUTPUTS)).astype("float32"))
        for layer in model
    }


def test_values_and_gradients_are_those_of_the_whole_change(model: Any, fisher: dict[str, Any]) -> None:
    changes = {layer.weight.name: layer.scaling * layer.lora_A.matmul(layer.lora_B) for layer in model}
    assert [layer.scaling for layer in model] == [2.0, 2.0]
    squares = {name: change.square() for name, change in changes.items()}
    terms = {
        L2_CURVE: sum(0.3 / 2 * square.sum() for square in squares.values()),
        EWC_CURVE: sum(0.7 / 2 * (fisher[name] * square).sum() for name, square in squares.items()),
    }
    sum(terms.values()).backward()
    factors = [factor for layer in model for factor in (layer.lora_A, layer.lora_B)]
    wanted = [factor.grad.numpy() for factor in factors]
    for factor in factors:
        factor.clear_gradient(False)
    penalty, sums = AdapterPenalty(model, BOTH, fisher), PenaltySums()
    sums.add(penalty.add_gradients(learned_parts(optimizer_of(model))))
    assert sums.take() == {curve: pytest.approx(term.item(), rel=1e-6) for curve, term in terms.items()}
    for factor, gradient in zip(factors, wanted, strict=True):
        np.testing.assert_allclose(factor.grad.numpy(), gradient, rtol=1e-5, atol=1e-6)


def test_processes_that_share_the_optimizer_count_a_weight_once(model: Any, fisher: dict[str, Any]) -> None:
    """Each steps some factors, or slices of them; the values add up, and so do the gradients."""
    import paddle

    penalty = AdapterPenalty(model, BOTH, fisher)
    whole = PenaltySums()
    whole.add(penalty.add_gradients(learned_parts(optimizer_of(model))))
    wanted = {each.name: each.grad.numpy().flatten() for each in model.parameters() if each.grad is not None}
    first, second = model
    shares: list[dict[str, tuple[Any, tuple[int, int] | None]]] = [
        {first.lora_A.name: (first.lora_A, (0, 5)), first.lora_B.name: (first.lora_B, None)},
        {first.lora_A.name: (first.lora_A, (5, INPUTS * RANK)), second.lora_A.name: (second.lora_A, None)},
        {second.lora_B.name: (second.lora_B, None)},
    ]
    total: dict[str, float] = {L2_CURVE: 0.0, EWC_CURVE: 0.0}
    found = {name: np.zeros_like(value) for name, value in wanted.items()}
    for share in shares:
        parts = {}
        for name, (factor, span) in share.items():
            own = paddle.zeros([span[1] - span[0]] if span else factor.shape)
            own.grad = paddle.zeros_like(own)
            parts[name] = LearnedPart(own, span=span)
        sums = PenaltySums()
        sums.add(penalty.add_gradients(parts))
        total = {curve: total[curve] + value for curve, value in sums.take().items()}
        for name, part in parts.items():
            first_number, end = part.span or (0, found[name].size)
            found[name][first_number:end] += part.parameter.grad.numpy().flatten()
    assert total == pytest.approx(whole.take(), rel=1e-6)
    for name, gradient in wanted.items():
        np.testing.assert_allclose(found[name], gradient, rtol=1e-5)


@pytest.mark.parametrize("split", ["lora_A", "lora_B"])
def test_processes_that_share_a_weight_have_its_penalty_together(
    model: Any, fisher: dict[str, Any], split: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """lora_A is divided by inputs, lora_B by outputs; what one process lacks, the other has computed."""
    import paddle

    whole = PenaltySums()
    whole.add(AdapterPenalty(model, BOTH, fisher).add_gradients(learned_parts(optimizer_of(model))))
    wanted = whole.take()
    rows = split == "lora_A"
    halves = (slice(0, 2), slice(2, None))
    taken: list[list[np.ndarray[Any, Any]]] = []
    totals = []
    for turn in ("record", "compare"):
        for number, half in enumerate(halves):
            own, information = _half_of(model, fisher, split, half)
            penalty = AdapterPenalty(own, BOTH, information, split_over="tensor parallel")
            sent: list[np.ndarray[Any, Any]] = []

            def all_reduce(product: Any, group: str, number: int = number, sent: Any = sent) -> None:
                assert group == "tensor parallel"
                sent.append(product.numpy())
                if len(taken) == 2:
                    product.add_(paddle.to_tensor(taken[1 - number][len(sent) - 1]))

            with monkeypatch.context() as patch:
                patch.setattr(paddle.distributed, "all_reduce", all_reduce)
                values = penalty.add_gradients(learned_parts(optimizer_of(own)))
            if turn == "record":
                taken.append(sent)
                continue
            totals.append({curve: value.numpy() for curve, value in values.items()})
            for layer, part in zip(model, own, strict=True):
                cut = (half, slice(None)) if rows else (slice(None), half)
                for name, place in ((split, cut), ("lora_B" if rows else "lora_A", slice(None))):
                    gradient = getattr(layer, name).grad.numpy()[place]
                    np.testing.assert_allclose(getattr(part, name).grad.numpy(), gradient, rtol=1e-5)
    for curve, value in wanted.items():
        assert totals[0][curve][0] == pytest.approx(totals[1][curve][0])  # of whole parameters, in both
        parts = sum(float(total[curve][1]) for total in totals)
        assert totals[0][curve][0] + parts == pytest.approx(value, rel=1e-5)


def _half_of(model: Any, fisher: dict[str, Any], split: str, half: slice) -> tuple[Any, dict[str, Any]]:
    """Return the layers with a part of one factor, marked as such, and the information of that part."""
    import paddle
    from paddleformers.peft.lora.lora_layers import LoRALinear

    made, information = paddle.nn.LayerList(), {}
    for layer in model:
        a, b = (getattr(layer, name).numpy() for name in ("lora_A", "lora_B"))
        own = fisher[layer.weight.name].numpy()
        a, b, own = (a[half], b, own[half]) if split == "lora_A" else (a, b[:, half], own[:, half])
        part = LoRALinear(a.shape[0], b.shape[1], r=RANK, lora_alpha=2 * RANK)
        part.bias.stop_gradient = True
        part.lora_A.set_value(a)
        part.lora_B.set_value(b)
        getattr(part, split).is_distributed = True
        made.append(part)
        information[part.weight.name] = paddle.to_tensor(own)
    return made, information


def test_the_start_of_an_adapter_has_no_penalty_and_keeps_nothing(model: Any) -> None:
    for layer in model:
        layer.lora_B.set_value(np.zeros((RANK, OUTPUTS), "float32"))
    penalty, sums = AdapterPenalty(model, NearStartSettings(L2)), PenaltySums()
    parts = learned_parts(optimizer_of(model))
    penalty.keep_own(parts)
    sums.add(penalty.add_gradients(parts))
    assert sums.take() == {L2_CURVE: 0.0}
    assert all(part.parameter.grad.abs().max().item() == 0 for part in parts.values())


def test_a_trained_parameter_that_is_no_factor_ends_the_run(model: Any) -> None:
    model[0].bias.stop_gradient = False
    with pytest.raises(RuntimeError, match="no pair of factors is trained"):
        AdapterPenalty(model, NearStartSettings(L2))
