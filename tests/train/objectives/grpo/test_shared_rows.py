"""Answers that share a row, against rows of their own, the trainer's own records, and the engine."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from infer.engines.paddle.engine import PaddleEngine
from infer.sampling.known_questions import KnownQuestion
from train.objectives.grpo.learned_batch import LearnedBatch
from train.objectives.grpo.rollouts import Rollout
from train.objectives.grpo.shared_rows import BATCH_KEY, DENSE_MASK, SPARSE_MASK, collate, shared_rows
from train.objectives.head_objective import objective
from train.preflight.run_data import training_dataset
from train.recipe import TrainRecipe, resolve_recipe

ANSWERS = ((30, 31, 32, 33, 34), (40,), (30, 31, 50), (60, 61, 62, 63))


@pytest.fixture
def rollouts(engine: PaddleEngine, known: list[KnownQuestion], answered: Any) -> list[Rollout]:
    """Four answers to one question, and two to another; those to one share its prompt."""
    prompts = [engine.encode(each.question.request) for each in known[:2]]
    numbers = Random(1)
    return [
        *(answered(prompts[0], ids) for ids in ANSWERS),
        *(answered(prompts[1], [numbers.randrange(20, 90) for _ in range(count)]) for count in (7, 3)),
    ]


def logprobs_and_gradients(
    model: Any, inputs: dict[str, Any], temperature: float = 1.0
) -> tuple[Any, dict[str, Any]]:
    """Return the log-probabilities of the learned tokens, and the gradients of a weighted sum of them."""
    import paddle

    seen: list[Any] = []

    def weighted(logprobs: Any) -> Any:
        seen.append(logprobs.numpy())
        return (logprobs * paddle.arange(1, len(logprobs) + 1).astype("float32")).sum()

    inputs = {name: value for name, value in inputs.items() if name != BATCH_KEY}
    model.train()
    with objective(model.lm_head, weighted, temperature):
        model(**inputs).loss.backward()
    gradients = {name: p.grad.numpy() for name, p in model.named_parameters() if p.grad is not None}
    model.clear_gradients()
    return seen[0], gradients


def apart(rollouts: list[Rollout]) -> list[Rollout]:
    """Give every answer a prompt of its own."""
    return [replace(each, prompt=replace(each.prompt)) for each in rollouts]


@pytest.mark.parametrize("sparse", [False, True])
def test_shared_rows_learn_what_rows_of_their_own_learn(
    model: Any, rollouts: list[Rollout], collator: Callable[..., Any], sparse: bool
) -> None:
    together = collate(LearnedBatch(rollouts), collator(sparse=sparse))
    alone = collate(LearnedBatch(apart(rollouts)), collator(sparse=sparse))
    assert (SPARSE_MASK in together) == sparse
    assert (DENSE_MASK in together) != sparse
    assert together["input_ids"].shape[0] == together["image_grid_thw"].shape[0] == 2
    assert alone["input_ids"].shape[0] == alone["image_grid_thw"].shape[0] == 6
    found, gradients = logprobs_and_gradients(model, together)
    wanted, expected = logprobs_and_gradients(model, alone)
    assert len(found) == sum(len(each.token_ids) for each in rollouts)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert gradients.keys() == expected.keys()
    assert len(gradients) > 20
    for name, value in expected.items():
        np.testing.assert_allclose(gradients[name], value, atol=2e-4, rtol=1e-4, err_msg=name)


def test_the_two_masks_say_the_same(rollouts: list[Rollout], collator: Callable[..., Any]) -> None:
    """A key is seen from itself on up to where the sparse form ends it."""
    dense = collate(LearnedBatch(rollouts), collator())[DENSE_MASK].numpy()
    ends = collate(LearnedBatch(rollouts), collator(sparse=True))[SPARSE_MASK].numpy()
    query, key = np.indices(dense.shape[-2:])
    for row, shared in enumerate(shared_rows(rollouts)):
        used = shared.parts()[-1][1]  # what follows is padding
        seen = (query >= key) & (query < ends[row, 0, :, 0])
        assert (dense[row, 0, :used, :used].astype(bool) == seen[:used, :used]).all()
        for begin, end in shared.parts():
            assert dense[row, 0, end - 1].sum() == shared.shared + end - begin


def test_one_answer_is_what_the_trainer_makes_of_its_record(
    engine: PaddleEngine,
    known: list[KnownQuestion],
    collator: Callable[..., Any],
    make_recipe: Callable[..., Path],
    answered: Any,
) -> None:
    """Ids, labels, positions, mask and pixels are those of a record with this answer, to the last bit."""
    dataset = training_dataset(TrainRecipe(resolve_recipe(make_recipe())), 48)
    records = {example["images"][0].rsplit("/", 1)[-1]: example for example in dataset.mix_datasets}
    asked = known[:3]
    encoded = [
        dataset._process_sft_sequence(deepcopy(records[each.question.request.picture.name]), 1)
        for each in asked
    ]
    # A record teaches the line break after the end, too; a sampled answer is over before.
    texts = [f"{each.truth}{engine.family.end_tokens[0]}\n" for each in asked]
    truths = [
        answered(
            engine.encode(each.question.request),
            engine.encoder.tokenizer(text, add_special_tokens=False)["input_ids"],
        )
        for each, text in zip(asked, texts, strict=True)
    ]
    own = collate(LearnedBatch(truths), collator())
    theirs = collator()([[sequence] for sequence in encoded], max_seq_len=None)
    assert own.keys() - {BATCH_KEY} == theirs.keys()
    for name, value in theirs.items():
        assert value.dtype == own[name].dtype, name
        assert (value.numpy() == own[name].numpy()).all(), name


def test_learned_logprobs_are_those_of_sampling(
    model: Any, engine: PaddleEngine, known: list[KnownQuestion], collator: Callable[..., Any], answered: Any
) -> None:
    """The engine reads a prompt once and adds a token a step; the lesson computes whole rows."""
    engine.decoding = replace(engine.decoding, temperature=1.0, with_logprobs=True)
    prompts = [engine.encode(each.question.request) for each in known[:2]]
    shared = [prompt for prompt in prompts for _ in range(4)]
    rows = engine.generate(shared, [Random(number) for number in range(8)])
    rollouts = [
        answered(prompt, [*row.token_ids, *(row.pending[-1:] if row.has_ended else [])])
        for prompt, row in zip(shared, rows, strict=True)
    ]
    assert len({each.token_ids for each in rollouts}) == 8
    found, _ = logprobs_and_gradients(model, collate(LearnedBatch(rollouts), collator()))
    place = 0
    for each, row in zip(rollouts, rows, strict=True):
        np.testing.assert_allclose(
            found[place : place + len(row.token_ids)], row.logprobs[: len(row.token_ids)], atol=1e-4
        )
        place += len(each.token_ids)
    assert place == len(found)


def test_the_temperature_is_that_of_sampling(
    model: Any, rollouts: list[Rollout], collator: Callable[..., Any]
) -> None:
    import paddle

    inputs = collate(LearnedBatch(rollouts), collator())
    found, _ = logprobs_and_gradients(model, inputs, temperature=0.5)
    del inputs[BATCH_KEY]
    labels = inputs.pop("labels")
    logits = model(**inputs).logits / 0.5
    chosen = paddle.nonzero(labels.flatten() != -100).flatten()
    picked = paddle.nn.functional.log_softmax(logits.flatten(0, 1).gather(chosen).astype("float32"))
    ids = labels.flatten().gather(chosen).unsqueeze(-1)
    np.testing.assert_allclose(found, picked.take_along_axis(ids, 1).flatten().numpy(), atol=1e-5)
