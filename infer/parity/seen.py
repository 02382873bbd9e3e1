"""What an engine made of a question, stage by stage: as far as it shows it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from infer.engines.protocol import Token


@dataclass(frozen=True)
class SeenInputs:
    """What goes into the model.

    `token_ids` have one image token in place of all of an image. `grids` are rows and columns of patches of
    each image. `pixels` is (patches of all images, values), normalised; `positions` is (3, length).
    """

    token_ids: tuple[int, ...]
    grids: tuple[tuple[int, int], ...]
    pixels: Any
    positions: Any


@dataclass(frozen=True)
class SeenAnswer:
    """A question's inputs (None where the engine does not show them), and its answer.

    `tokens` are texts, and `logprobs` their log-probabilities; () where the engine gives none. `written` has
    all tokens, those within characters and with alternatives, too.
    """

    text: str
    tokens: tuple[str, ...] = ()
    logprobs: tuple[float, ...] = ()
    prompt_tokens: int | None = None
    inputs: SeenInputs | None = None
    problem: str | None = None
    written: tuple[Token, ...] = ()


@dataclass(frozen=True)
class SeenByEngine:
    """All answers of an engine, and what is known of its settings, such as `dtype` or `resample`."""

    name: str
    answers: tuple[SeenAnswer, ...]
    settings: dict[str, Any] = field(default_factory=dict)


def seen_answer(
    text: str,
    tokens: Iterable[Token],
    prompt_tokens: int | None,
    inputs: SeenInputs | None = None,
    problem: str | None = None,
) -> SeenAnswer:
    """Return an answer with its tokens; those without a text, parts of a character, are only in `written`."""
    written = tuple(tokens)
    kept = [token for token in written if token.text]
    texts, logprobs = tuple(token.text for token in kept), tuple(token.logprob for token in kept)
    return SeenAnswer(text, texts, logprobs, prompt_tokens, inputs, problem, written)


def one_image_token(token_ids: list[int], image_token: int) -> tuple[int, ...]:
    """Return the ids with one image token in place of each run of them."""
    pairs = zip([None, *token_ids], token_ids)  # noqa: B905  the last id has no successor
    return tuple(own for before, own in pairs if own != image_token or before != image_token)
