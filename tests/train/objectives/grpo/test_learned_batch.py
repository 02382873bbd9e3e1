"""The loss of answers that are learned together: by hand, and in parts."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from models.family import Prompt
from train.objectives.grpo.grpo_settings import GrpoSettings
from train.objectives.grpo.learned_batch import LearnedBatch, that_teach
from train.objectives.grpo.rollouts import Rollout

SETTINGS = GrpoSettings(max_new_tokens=10)
PROMPT = Prompt([1, 2], None, None)


@pytest.fixture
def rollouts(answered: Callable[..., Rollout]) -> list[Rollout]:
    lengths, advantages = (3, 1, 2, 2), (0.5, -0.25, 0.25, -0.5)
    return [
        replace(answered(PROMPT, range(length)), advantage=advantage)
        for length, advantage in zip(lengths, advantages, strict=True)
    ]


def tensor(values: list[float]) -> Any:
    import paddle

    return paddle.to_tensor(values, dtype="float64", stop_gradient=False)


LOGPROBS = [-0.1, -0.2, -0.3, -0.4, -0.5, -0.6, -0.7, -0.8]


def test_a_token_counts_by_the_advantage_of_its_answer(rollouts: list[Rollout]) -> None:
    batch, logprobs = LearnedBatch(rollouts), tensor(LOGPROBS)
    batch.loss(logprobs, SETTINGS).backward()
    wanted = [-value / 40 for value in (0.5, 0.5, 0.5, -0.25, 0.25, 0.25, -0.5, -0.5)]
    assert logprobs.grad.tolist() == pytest.approx(wanted)
    assert batch.measured == {"clipped": 0.0}


def test_the_mean_over_parts_is_the_loss_of_all(rollouts: list[Rollout]) -> None:
    """So that accumulated steps are one large batch, however long the answers of each part are."""
    whole = float(LearnedBatch(rollouts).loss(tensor(LOGPROBS), SETTINGS))
    parts = [
        float(LearnedBatch(rollouts[:2]).loss(tensor(LOGPROBS[:4]), SETTINGS)),
        float(LearnedBatch(rollouts[2:]).loss(tensor(LOGPROBS[4:]), SETTINGS)),
    ]
    assert sum(parts) / 2 == pytest.approx(whole)
    assert abs(whole) > 1e-3


def test_clip_and_distance_are_measured(rollouts: list[Rollout]) -> None:
    old = tensor([value - (0.3 if place in (0, 7) else 0.0) for place, value in enumerate(LOGPROBS)])
    start = tensor([value + 0.1 for value in LOGPROBS])
    batch = LearnedBatch(rollouts, old=old.detach(), start=start.detach())
    settings = replace(SETTINGS, kl=0.5)
    loss = float(batch.loss(tensor(LOGPROBS), settings))
    distance = 1.1051709180756477 - 0.1 - 1  # exp(0.1) - 0.1 - 1
    assert batch.measured == pytest.approx({"clipped": 0.25, "kl": distance})
    ratio = 1.3498588075760032  # exp(0.3): a good token is clipped at 1.28, a bad one is not
    gain = 0.5 * (1.28 + 1 + 1) - 0.25 + 0.25 * 2 - 0.5 * (1 + ratio)
    assert loss == pytest.approx(-gain / 40 + 0.5 * 8 * distance / 40)


def test_answers_that_teach_nothing_are_left_out_without_a_change(rollouts: list[Rollout]) -> None:
    batch = [replace(each, advantage=0.0) if number == 1 else each for number, each in enumerate(rollouts)]
    kept = that_teach(batch)
    assert kept == [batch[0], *batch[2:]]
    every, left = tensor(LOGPROBS), tensor([*LOGPROBS[:3], *LOGPROBS[4:]])
    old = tensor([value + 0.1 for value in LOGPROBS]).detach()
    whole = LearnedBatch(batch, old=old).loss(every, SETTINGS)
    part = LearnedBatch(kept, len(batch), old=old[[0, 1, 2, 4, 5, 6, 7]]).loss(left, SETTINGS)
    assert float(part) == pytest.approx(float(whole))
    whole.backward()
    part.backward()
    assert every.grad[3] == 0
    assert left.grad.tolist() == pytest.approx([*every.grad.tolist()[:3], *every.grad.tolist()[4:]])


def test_a_batch_that_teaches_nothing_keeps_an_answer(rollouts: list[Rollout]) -> None:
    dead = [replace(each, advantage=1e-9) for each in rollouts]
    assert that_teach(dead) == dead[:1]
