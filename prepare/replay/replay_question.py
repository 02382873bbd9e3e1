"""A question of a prompt to the model: what is sent, and what bounds it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from grounding.markup import IMAGE_PLACEHOLDER
from grounding.remote.data_url import data_url
from models.lookup import DEFAULT_FAMILY
from prepare.replay.prompts_read import ReplayPrompt
from prepare.replay.replay_settings import ReplaySettings

BASE = "base"
"""The model whose answers are replayed."""

OVERHEAD_TOKENS = 64
"""Tokens that a chat template adds to a turn, at most."""


@dataclass(frozen=True)
class ReplayQuestion:
    """The next question of a prompt, behind the answers that its earlier questions were given.

    `identity` tells the model from others, and `digest` is of the image's file, "" without one.
    """

    prompt: ReplayPrompt
    answers: tuple[str, ...]
    digest: str
    identity: str
    settings: ReplaySettings
    who: str = BASE

    @property
    def about(self) -> str:
        """What messages call the question."""
        return self.prompt.where

    @property
    def fields(self) -> Mapping[str, Any]:
        """How to answer; without the seed where no token is sampled, as some servers do not have it."""
        settings = self.settings
        sampled = {"seed": settings.seed} if settings.temperature > 0 else {}
        return {
            "model": settings.model or BASE,
            "max_tokens": settings.max_new_tokens,
            "temperature": settings.temperature,
            **sampled,
            **{key: value for key, value in settings.request.items() if value is not None},
        }

    @property
    def most_tokens(self) -> int:
        """The most tokens of question and answer: a token is at least a byte of text."""
        texts = (self.prompt.system, *self.prompt.questions[: len(self.answers) + 1], *self.answers)
        letters = sum(len(text.encode("utf-8", "replace")) + OVERHEAD_TOKENS for text in texts)
        image = 0 if self.prompt.image is None else DEFAULT_FAMILY.pixel_limits[1]
        return letters + image // DEFAULT_FAMILY.pixels_per_token + self.settings.max_new_tokens

    @cached_property
    def key(self) -> str:
        """A hash of all that decides the answer."""
        asked = self.prompt.questions[: len(self.answers) + 1]
        parts = [self.identity, self.prompt.system, asked, self.answers, self.digest]
        content = json.dumps([*parts, sorted(self.fields.items())])
        return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()

    def messages(self) -> list[dict[str, Any]]:
        """Return the messages, with the image in the first user message.

        Raises:
            UserError: the image cannot be read.
        """
        system = self.prompt.system
        messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
        for number, question in enumerate(self.prompt.questions[: len(self.answers) + 1]):
            content = self._with_image(question) if number == 0 else question
            messages.append({"role": "user", "content": content})
            messages += [{"role": "assistant", "content": text} for text in self.answers[number : number + 1]]
        return messages

    def _with_image(self, question: str) -> str | list[dict[str, Any]]:
        if self.prompt.image is None:
            return question
        before, _, after = question.partition(IMAGE_PLACEHOLDER)
        image = {"type": "image_url", "image_url": {"url": data_url(self.prompt.image)}}
        texts = ({"type": "text", "text": before}, image, {"type": "text", "text": after})
        return [part for part in texts if part.get("text") != ""]
