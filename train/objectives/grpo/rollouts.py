"""Answers of the model in training, with their rewards and advantages."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from grounding.answers.forms import TRUNCATED
from grounding.answers.reader import read_answer
from grounding.markup import PICTURE_MARKUP
from grounding.samples import Detection, Reading
from infer.engines.paddle.decoding import Row
from infer.engines.paddle.engine import PaddleEngine
from infer.sampling.known_questions import KnownQuestion
from models.family import Prompt
from train.objectives.grpo.advantages import group_advantages, has_failed, is_dead
from train.objectives.grpo.grpo_settings import GrpoSettings
from train.objectives.grpo.own_reward import load_reward
from train.objectives.grpo.rewarded_questions import QuestionOrder


@dataclass(frozen=True)
class Rollout:
    """A sampled answer: its prompt, its tokens with the one that ended it, its reward and advantage.

    `is_cut` says that it reached the length limit. `entropy` is the mean over its tokens of the model's
    entropy before each, in nats. `is_truth` marks the true answer, which was not sampled.
    """

    prompt: Prompt
    token_ids: tuple[int, ...]
    reading: Reading
    wanted: tuple[Detection, ...]
    reward: float
    is_cut: bool = False
    entropy: float = 0.0
    is_truth: bool = False
    advantage: float = 0.0


@dataclass(frozen=True)
class Collected:
    """The answers of an update, groups one after the other, and what was found on the way.

    `sampled` are all answers that were rewarded, those of replaced groups included. `groups` counts the
    groups that were sampled, `dead` and `failed` those whose answers had one reward, or none at all.
    """

    rollouts: tuple[Rollout, ...]
    sampled: tuple[Rollout, ...]
    groups: int
    dead: int
    failed: int
    sampling_seconds: float
    reward_seconds: float


class Sampler:
    """Samples groups of answers with the model as it is now."""

    def __init__(
        self,
        engine: PaddleEngine,
        questions: Sequence[KnownQuestion],
        order: QuestionOrder,
        settings: GrpoSettings,
        longest: int,
        context: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        """Take an engine over the model in training; prompt and answer have at most `longest` tokens.

        Answers are sampled within `context`, in which the model computes.
        """
        self.context = context
        self.engine, self.questions, self.order, self.settings = engine, questions, order, settings
        self.longest = longest
        known = engine.encoder.tokenizer.get_vocab()
        self.pictures = {known[text] for text in PICTURE_MARKUP if text in known}
        self.reward = load_reward(settings.reward)

    def collect(self, update: int) -> Collected:
        """Return the answers that an update learns from: so many groups as the settings say.

        Groups without a difference are replaced by those of other questions, up to the limit of draws; where
        these do not suffice, dead groups fill the update and teach nothing.
        """
        wanted = self.settings.prompts
        alive: list[list[Rollout]] = []
        spare: list[list[Rollout]] = []
        sampled: list[Rollout] = []
        groups = failed = 0
        seconds = [0.0, 0.0]
        for draw in range(1 + self.settings.refills):
            left = wanted - len(alive)
            chosen = self.order.refill(update, draw, left) if draw else self.order.first(update, left)
            asked = [self.questions[number] for number in chosen]
            for question, group in zip(asked, self._sample(asked, update, draw, seconds), strict=True):
                sampled += group
                groups += 1
                failed += has_failed([each.reward for each in group])
                learned = self._with_truth(question, group)
                (spare if is_dead([each.reward for each in learned]) else alive).append(learned)
            if len(alive) == wanted:
                break
        dead = len(spare)
        kept = [*alive, *spare][:wanted]
        rollouts = (each for group in kept for each in _with_advantages(group))
        return Collected(tuple(rollouts), tuple(sampled), groups, dead, failed, *seconds)

    def _sample(
        self, asked: Sequence[KnownQuestion], update: int, draw: int, seconds: list[float]
    ) -> list[list[Rollout]]:
        """Return a group of answers to each question; adds the time to `seconds`: sampling, rewards."""
        started = time.monotonic()
        size = self.settings.group
        engine = self.engine
        engine.decoding = replace(engine.decoding, seed=self.order.sampling_seed(update, draw))
        with self.context():
            # One prompt for all answers of a group: the engine reads it once, and so does the lesson.
            encoded = [engine.encode(each.question.request) for each in asked]
            prompts = [prompt for prompt in encoded for _ in range(size)]
            requests = [
                replace(each.question.request, draw=number, max_tokens=self._room(prompt))
                for each, prompt in zip(asked, encoded, strict=True)
                for number in range(size)
            ]
            sources = [engine.decoding.source(request) for request in requests]
            rows = engine.generate(prompts, sources, requests)
        sampled = time.monotonic()
        rollouts = [
            self._judged(asked[number // size], prompt, row)
            for number, (prompt, row) in enumerate(zip(prompts, rows, strict=True))
        ]
        seconds[0] += sampled - started
        seconds[1] += time.monotonic() - sampled
        return [rollouts[start : start + size] for start in range(0, len(rollouts), size)]

    def _room(self, prompt: Prompt) -> int:
        """Return how many tokens an answer to a prompt may have, without the one that ends it."""
        return max(1, self.longest - 1 - len(prompt.token_ids))

    def _judged(self, asked: KnownQuestion, prompt: Prompt, row: Row) -> Rollout:
        tokens, entropies, has_ended = self._without_pictures(row)
        text = self.engine.encoder.tokenizer.decode(
            tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        reading = read_answer(text, asked.question.asked)
        end = row.pending[-1:] if has_ended else []
        return Rollout(
            prompt,
            (*tokens, *end),
            reading,
            asked.wanted,
            self.reward(reading, asked.wanted, [] if has_ended else [TRUNCATED]),
            not has_ended,
            sum(entropies) / max(1, len(entropies)),
        )

    def _without_pictures(self, row: Row) -> tuple[list[int], list[float], bool]:
        """Return an answer's tokens, the entropies before them, and whether it has ended.

        One that names a token of pictures is cut before it: the learning pass would look for a picture there.
        """
        place = next((place for place, token in enumerate(row.token_ids) if token in self.pictures), None)
        if place is None:
            return row.token_ids, row.entropies, row.has_ended
        return row.token_ids[:place], row.entropies[:place], False

    def _with_truth(self, asked: KnownQuestion, group: list[Rollout]) -> list[Rollout]:
        """Put the true answer in the place of the last one where all answers of a group have failed."""
        if not self.settings.truth or not has_failed([each.reward for each in group]):
            return group
        tokenizer, prompt = self.engine.encoder.tokenizer, group[0].prompt
        end = tokenizer.convert_tokens_to_ids(self.engine.family.end_tokens[0])
        token_ids = (*tokenizer(asked.truth, add_special_tokens=False)["input_ids"], end)
        if len(token_ids) > min(self.settings.max_new_tokens + 1, self.longest - len(prompt.token_ids)):
            return group  # the model could not sample it
        reading = Reading(asked.wanted, ())
        reward = self.reward(reading, asked.wanted, [])
        return [*group[:-1], Rollout(prompt, token_ids, reading, asked.wanted, reward, is_truth=True)]


def _with_advantages(group: Sequence[Rollout]) -> list[Rollout]:
    advantages = group_advantages([each.reward for each in group])
    return [replace(each, advantage=value) for each, value in zip(group, advantages, strict=True)]
