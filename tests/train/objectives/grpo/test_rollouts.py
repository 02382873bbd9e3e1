"""Groups of sampled answers: which are learned, which are replaced, and where the truth takes part."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from infer.engines.paddle.decoding import Row
from infer.engines.paddle.engine import PaddleEngine
from infer.engines.protocol import Request
from infer.sampling.known_questions import KnownQuestion
from train.objectives.grpo.grpo_settings import GrpoSettings
from train.objectives.grpo.rewarded_questions import QuestionOrder
from train.objectives.grpo.rollout_figures import figures_of
from train.objectives.grpo.rollouts import Sampler

LONGEST = 256
SETTINGS = GrpoSettings(group=3, prompts=2, refills=2, max_new_tokens=64)
CUT = "\N{HORIZONTAL ELLIPSIS}"
"""At the end of a scripted answer: it is cut there."""

WRONG = "<|object_ref_start|>red square<|object_ref_end|><|box_start|>(0,0),(10,10)<|box_end|>"

Script = Callable[[KnownQuestion, int], str]


@pytest.fixture
def play(
    engine: PaddleEngine, known: list[KnownQuestion], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Sampler]:
    """Make a sampler whose engine answers as a script says, which gets the question and the draw."""

    def make(script: Script, settings: GrpoSettings = SETTINGS) -> Sampler:
        by_image = {each.question.request.picture: each for each in known}
        tokenizer = engine.encoder.tokenizer
        end = tokenizer.convert_tokens_to_ids(engine.family.end_tokens[0])

        def row(number: int, source: Any, request: Request) -> Row:
            text = script(by_image[request.picture], request.draw)
            ids = list(tokenizer(text.removesuffix(CUT), add_special_tokens=False)["input_ids"])
            answer = Row(number, source, request.max_tokens or 0, token_ids=ids, entropies=[0.5] * len(ids))
            if text.endswith(CUT):
                answer.is_cut = True
            else:
                answer.pending, answer.has_ended = [*ids[-1:], end], True
            return answer

        def generate(prompts: Sequence[Any], sources: Sequence[Any], asked: Sequence[Request]) -> list[Row]:
            assert len(prompts) == len(sources) == len(asked)
            return [row(number, *pair) for number, pair in enumerate(zip(sources, asked, strict=True))]

        monkeypatch.setattr(engine, "generate", generate)
        return Sampler(engine, known, QuestionOrder(len(known), seed=1), settings, LONGEST)

    return make


def one_of_three(question: KnownQuestion, draw: int) -> str:
    return question.truth if draw == 0 else WRONG


def test_every_answer_of_a_group_is_learned_by_its_reward(play: Callable[..., Sampler]) -> None:
    collected = play(one_of_three).collect(0)
    assert (collected.groups, collected.dead, collected.failed) == (2, 0, 0)
    assert len(collected.rollouts) == len(collected.sampled) == 6
    for start in (0, 3):
        group = collected.rollouts[start : start + 3]
        assert len({id(each.prompt) for each in group}) == 1
        assert group[0].reward == 1
        assert max(each.reward for each in group[1:]) < 0.5
        assert [each.advantage > 0 for each in group] == [True, False, False]
        assert sum(each.advantage for each in group) == pytest.approx(0)
        assert not any(each.is_truth or each.is_cut for each in group)


def test_an_answer_has_its_end_unless_it_is_cut(play: Callable[..., Sampler], engine: PaddleEngine) -> None:
    whole, _, cut, *_ = play(lambda q, draw: q.truth + CUT * (draw == 2)).collect(0).rollouts
    end = engine.encoder.tokenizer.convert_tokens_to_ids(engine.family.end_tokens[0])
    assert whole.token_ids == (*cut.token_ids, end)
    assert (whole.reward, cut.reward) == (1.0, 0.0)
    assert (whole.is_cut, cut.is_cut) == (False, True)
    assert whole.entropy == pytest.approx(0.5)


def test_an_answer_with_a_token_of_pictures_is_cut_before_it(play: Callable[..., Sampler]) -> None:
    """The learning pass would look for a picture there."""
    pictured = {1: "<|image_pad|>", 2: "<|vision_start|>"}
    whole, *cut = play(lambda q, draw: q.truth + pictured.get(draw, "")).collect(0).rollouts[:3]
    assert (whole.reward, whole.is_cut) == (1.0, False)
    for each in cut:
        assert (each.reward, each.is_cut) == (0.0, True)
        assert each.token_ids == whole.token_ids[:-1]


def test_groups_without_a_difference_are_replaced(
    play: Callable[..., Sampler], known: list[KnownQuestion]
) -> None:
    """The first two questions are answered alike by all; others are drawn in their place."""
    alike = {known[number].question.image for number in QuestionOrder(len(known), seed=1).first(0, 2)}

    def script(question: KnownQuestion, draw: int) -> str:
        return question.truth if question.question.image in alike else one_of_three(question, draw)

    collected = play(script).collect(0)
    assert (collected.groups, collected.dead, collected.failed) == (4, 2, 0)
    assert len(collected.sampled) == 12
    assert all(each.advantage for each in collected.rollouts)
    assert figures_of(collected)["dead"] == 0.5


@pytest.mark.parametrize("refills", [0, 2])
def test_so_many_draws_and_no_more(play: Callable[..., Sampler], refills: int) -> None:
    settings = replace(SETTINGS, refills=refills)
    collected = play(lambda question, _: question.truth, settings).collect(0)
    assert collected.groups == collected.dead == 2 * (1 + refills)
    assert [each.advantage for each in collected.rollouts] == [0.0] * 6  # the update keeps its size


def test_the_truth_takes_part_where_all_fail(
    play: Callable[..., Sampler], known: list[KnownQuestion]
) -> None:
    collected = play(lambda *_: "no").collect(0)
    assert (collected.groups, collected.failed, collected.dead) == (2, 2, 0)
    for start in (0, 3):
        *failed, truth = collected.rollouts[start : start + 3]
        assert [each.is_truth for each in failed] == [False, False]
        assert truth.is_truth
        assert truth.reward == 1.0
        assert truth.advantage == pytest.approx(2 / 3)
        assert all(each.advantage == pytest.approx(-1 / 3) for each in failed)
        assert truth.wanted == failed[0].wanted == truth.reading.detections
    assert not any(each.is_truth for each in collected.sampled)  # curves show what the model says
    assert figures_of(collected)["reward"] == 0.0

    truth_tokens = len(collected.rollouts[2].token_ids) - 1  # without its end
    longest = [replace(SETTINGS, max_new_tokens=truth_tokens - less) for less in (0, 1)]
    kept = [any(each.is_truth for each in play(lambda *_: "no", own).collect(0).rollouts) for own in longest]
    assert kept == [True, False]  # nothing is taught that cannot be sampled

    without = play(lambda *_: "no", replace(SETTINGS, truth=False)).collect(0)
    assert (without.failed, without.dead) == (6, 6)
    assert not any(each.is_truth for each in without.rollouts)


def test_the_truth_is_not_told_where_one_answer_is_worth_something(play: Callable[..., Sampler]) -> None:
    def script(question: KnownQuestion, draw: int) -> str:
        return re.sub(r"\(\d.*\d\)", "(0,0),(999,999)", question.truth) if draw == 1 else "no"

    collected = play(script).collect(0)
    assert (collected.groups, collected.failed) == (2, 0)
    for start in (0, 3):
        rewards = [each.reward for each in collected.rollouts[start : start + 3]]
        assert 0 < rewards[1] < 0.5
        assert rewards[0] == rewards[2] == 0
    assert not any(each.is_truth for each in collected.rollouts)


def test_the_update_alone_decides_questions_and_answers(
    engine: PaddleEngine, known: list[KnownQuestion]
) -> None:
    """A run that resumes samples what it would have sampled: no state passes between updates."""
    engine.decoding = replace(engine.decoding, temperature=1.0, with_entropies=True)
    settings = replace(SETTINGS, max_new_tokens=8)

    def sampled(*updates: int) -> list[tuple[int, ...]]:
        sampler = Sampler(engine, known, QuestionOrder(len(known), seed=1), settings, LONGEST)
        return [each.token_ids for each in [sampler.collect(update) for update in updates][-1].sampled]

    assert sampled(3) == sampled(0, 1, 3)
    assert sampled(3) != sampled(2)
    assert len(set(sampled(3))) > 1


def test_prompt_and_answer_fit_the_longest_sequence(engine: PaddleEngine, known: list[KnownQuestion]) -> None:
    engine.decoding = replace(engine.decoding, temperature=1.0, with_entropies=True)
    prompt = len(engine.encode(known[0].question.request).token_ids)
    sampler = Sampler(engine, known, QuestionOrder(len(known), seed=1), SETTINGS, prompt + 6)
    for each in sampler.collect(0).rollouts:
        assert len(each.prompt.token_ids) + len(each.token_ids) <= prompt + 6
