"""A question about a mask that waits with others, and backends that answer several of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from PIL import Image

from infer.engines.segment.segmenter import MaskPrompt, ScoredMask, Segmenter


@dataclass(frozen=True, eq=False)
class MaskRequest:
    """A prompt about a picture, which is RGB and upright; `digest` is `digest_of` it."""

    picture: Image.Image
    digest: str
    prompt: MaskPrompt


@runtime_checkable
class AnswersMasks(Protocol):
    """A backend that answers several prompts together."""

    def answer(self, requests: Sequence[MaskRequest]) -> list[tuple[ScoredMask, ...]]:
        """Return the masks of each prompt, in their order; each as if it was asked alone."""
        ...


@dataclass(frozen=True)
class OneByOne:
    """A segmenter that answers prompts one after the other."""

    segmenter: Segmenter

    def answer(self, requests: Sequence[MaskRequest]) -> list[tuple[ScoredMask, ...]]:
        """Return the masks of each prompt, in their order."""
        return [self.segmenter.segment(request.picture, request.prompt) for request in requests]


def answering_several(segmenter: Segmenter) -> AnswersMasks:
    """Return a segmenter as one that is asked several prompts."""
    return segmenter if isinstance(segmenter, AnswersMasks) else OneByOne(segmenter)


def digest_of(picture: Image.Image) -> str:
    """Return a hash of an RGB picture that nobody can guess who does not have the picture."""
    digest = hashlib.sha256(f"{picture.mode} {picture.size}\n".encode())
    digest.update(picture.tobytes())
    return digest.hexdigest()
