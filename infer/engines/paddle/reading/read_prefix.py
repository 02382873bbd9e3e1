"""A prompt, or the beginning of prompts, that a model has read."""

from dataclasses import dataclass, replace
from typing import Any

from models.cache import Cache, bytes_of
from models.family import Prompt


@dataclass(frozen=True, eq=False)
class ReadPrefix:
    """A prompt that was read, or the beginning of prompts up to some token after an image.

    `logits` (1, vocabulary) are those after the last token, and `position` is that of this token. The cache
    has one row.
    """

    prompt: Prompt
    logits: Any
    cache: Cache
    position: int

    @property
    def size(self) -> int:
        """The bytes of logits, keys, values and images."""
        return self.cache.size + bytes_of(self.logits) + sum(image.size for image in self.prompt.images)

    def cut(self, tokens: int) -> "ReadPrefix":
        """Return its first tokens, with all of its images; their logits are not known."""
        dropped = len(self.prompt.token_ids) - tokens
        if not dropped:
            return self
        prompt = replace(self.prompt, token_ids=self.prompt.token_ids[:tokens])
        return ReadPrefix(prompt, self.logits, self.cache.prefix(0, tokens), self.position - dropped)
