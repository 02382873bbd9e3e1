from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from grounding.errors import UserError
from models.heads.box import PLACES, apply_box_head
from train.objectives.joint_head.growing_head import (
    FIGURES,
    STATE_FILE,
    GrowingHead,
    averaged,
    load_state,
    save_state,
)
from train.objectives.joint_head.joint_settings import JointSettings
from train.objectives.joint_head.spoiled_boxes import SeenBoxes

WIDTH, TOKENS, BOXES = 6, 40, 12
SETTINGS = JointSettings(hidden=5, learning_rate=0.1, apart=False, answers=0.5, into_model=True)


def batch(seed: int) -> tuple[Any, SeenBoxes]:
    """States that tell how far a box is to the left of its object, and whether it has one."""
    import paddle

    chance = np.random.default_rng(seed)
    hidden = chance.normal(3.0, 2.0, (TOKENS, WIDTH)).astype("float32")
    places = chance.permutation(TOKENS)[:BOXES, None].repeat(len(PLACES), 1)
    written = np.tile(np.array([0.3, 0.3, 0.6, 0.7], "float32"), (BOXES, 1))
    shift, matched = chance.uniform(-0.05, 0.05, BOXES), chance.random(BOXES) < 0.7
    hidden[places[:, 0], 0], hidden[places[:, 0], 1] = 40 * shift, 4.0 * matched
    wanted = (written + np.array([1, 0, 1, 0]) * shift[:, None]) * matched[:, None]
    seen = SeenBoxes(
        places,
        written,
        wanted.astype("float32"),
        matched.astype("float32"),
        np.ones(BOXES, "float32"),
        [],
        [],
    )
    return paddle.to_tensor(hidden, stop_gradient=False), seen


def learn(head: GrowingHead, steps: range) -> list[float]:
    losses = []
    for seed in steps:
        loss, figures = head.loss(*batch(seed))
        assert set(figures) == set(FIGURES)
        loss.backward()
        head.step(1.0, 1)
        losses.append(float(loss))
    return losses


def test_it_learns_to_correct_and_to_judge() -> None:
    head = GrowingHead(WIDTH, SETTINGS, 1)
    losses = learn(head, range(250))
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])
    _, figures = head.loss(*batch(1000))
    assert figures["iou"] > figures["iou_written"] + 0.02
    assert head.counts[:2].tolist() == [250, 251 * BOXES]
    assert 0 < head.counts[2] < head.counts[1]


def test_its_inputs_are_standardised_as_the_file_says() -> None:
    head = GrowingHead(WIDTH, SETTINGS, 1)
    learn(head, range(40))
    weights = head.all_weights()
    states = np.concatenate([batch(seed)[0].numpy()[batch(seed)[1].places[:, 0]] for seed in range(40)])
    assert weights["mean"].numpy()[:WIDTH] == pytest.approx(states.mean(0), abs=0.5)
    assert weights["scale"].numpy()[:WIDTH] == pytest.approx(states.std(0), rel=0.25)
    assert weights["mean"].numpy()[-2:] == pytest.approx([0.3, 0.4], abs=1e-5)


def test_at_first_it_changes_no_box_and_clips_nothing() -> None:
    import paddle

    hidden, seen = batch(3)
    head = GrowingHead(WIDTH, SETTINGS, 1)
    states = hidden.gather(paddle.to_tensor(seen.places.flatten())).reshape([BOXES, len(PLACES), WIDTH])
    head.loss(hidden, seen)
    corrected, logits = apply_box_head(head.all_weights(), states, paddle.to_tensor(seen.written))
    assert np.array_equal(corrected.numpy(), seen.written)
    assert not logits.numpy().any()


@pytest.mark.parametrize("into_model", [True, False])
def test_a_key_decides_whether_the_model_gets_its_gradient(into_model: bool) -> None:
    head = GrowingHead(WIDTH, JointSettings(hidden=5, apart=False, answers=0.5, into_model=into_model), 1)
    learn(head, range(2))
    hidden, seen = batch(2)
    loss, _ = head.loss(hidden * 1.0, seen)
    loss.backward()
    assert (hidden.grad is not None and bool(hidden.grad.abs().sum())) == into_model
    if into_model:
        touched = hidden.grad.abs().sum(-1).numpy() > 0
        assert set(np.flatnonzero(touched)) <= set(seen.places.flatten().tolist())


def test_a_restored_head_learns_the_same(tmp_path: Path) -> None:
    head = GrowingHead(WIDTH, SETTINGS, 1)
    learn(head, range(5))
    head.measured[1] = 0.25
    save_state(head, tmp_path / STATE_FILE)
    expected = learn(head, range(5, 9))
    other = GrowingHead(WIDTH, SETTINGS, 2)
    load_state(other, tmp_path / STATE_FILE)
    assert other.measured[1] == 0.25
    assert learn(other, range(5, 9)) == expected
    assert other.counts.tolist() == head.counts.tolist()


@pytest.mark.parametrize("fault", ["missing", "text", "other width"])
def test_a_state_that_is_not_this_heads_is_refused(tmp_path: Path, fault: str) -> None:
    path = tmp_path / STATE_FILE
    if fault == "text":
        path.write_text("no tensors", encoding="utf-8")
    elif fault == "other width":
        save_state(GrowingHead(WIDTH + 1, SETTINGS, 1), path)
    with pytest.raises(UserError, match="not the box head of this run"):
        load_state(GrowingHead(WIDTH, SETTINGS, 1), path)


def test_accumulated_batches_count_as_their_mean_and_a_batch_without_boxes_as_none() -> None:
    one, two = (GrowingHead(WIDTH, SETTINGS, 1) for _ in range(2))
    for head, times in ((one, 1), (two, 3)):
        for _ in range(times):
            loss, _ = head.loss(*batch(0))
            loss.backward()
        head.step(1.0, times)
    for name in one.weights:
        assert two.weights[name].numpy() == pytest.approx(one.weights[name].numpy(), abs=1e-6)
    before = {name: value.numpy() for name, value in one.weights.items()}
    one.step(0.0, 1)
    assert all(np.array_equal(value, one.weights[name].numpy()) for name, value in before.items())


def test_means_are_over_all_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    import paddle

    def all_reduce(tensor: Any, group: Any) -> None:
        paddle.assign(tensor + group.others, tensor)

    monkeypatch.setattr(paddle.distributed, "all_reduce", all_reduce)
    tensor = paddle.to_tensor([4.0])
    groups = [SimpleNamespace(nranks=2, others=2.0), SimpleNamespace(nranks=4, others=9.0)]
    assert averaged(tensor, groups).tolist() == [3.0]
    assert averaged(tensor, []).tolist() == [4.0]
    assert tensor.tolist() == [4.0]
