"""The tokens that a server lists with their log-probabilities, read and checked."""

import math
from typing import Any

from infer.engines.openai.token_alignment import ListedToken, align_tokens
from infer.engines.protocol import LEAST_LOGPROB, Token

NO_LOGPROBS = "the server sends no logprobs: set score=none, or turn them on"
NO_ALTERNATIVES = "the server sends no alternatives (top_logprobs): set another score, or turn them on"


class NoLogprobsError(ValueError):
    """The answer has no log-probabilities, or none of alternatives, although they were asked for."""


def read_tokens(logprobs: Any, text: str, alternatives: int) -> tuple[Token, ...]:
    """Return the tokens of the answer's text, each with so many of the most likely tokens at its place.

    () where one of them is missing or has another type than it should, or where they are not the text. A
    log-probability of LEAST_LOGPROB or less is minus infinity, one above 0 is 0.

    Raises:
        NoLogprobsError: there is no list, or no token has alternatives.
    """
    pieces = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(pieces, list):
        raise NoLogprobsError(NO_LOGPROBS)
    read = [_piece(piece, alternatives) for piece in pieces]
    whole = [piece for piece in read if piece is not None]
    if len(whole) < len(read):
        return ()
    if alternatives and whole and not any(piece.alternatives for piece in whole):
        raise NoLogprobsError(NO_ALTERNATIVES)
    return align_tokens(text, whole)


def _piece(piece: Any, alternatives: int) -> ListedToken | None:
    """Return a token with its most likely alternatives, None where one of them is missing or wrong."""
    if (token := _token(piece)) is None:
        return None
    listed = piece.get("top_logprobs") if alternatives else None
    ranked = [_token(other) for other in listed] if isinstance(listed, list) else []
    if not isinstance(listed, (list, type(None))) or None in ranked:
        return None
    # Some servers put the token itself first, however likely it is.
    known = sorted((other for other in ranked if other is not None), key=lambda other: -other[1])
    return ListedToken(
        *token, tuple((part.decode("utf-8", "replace"), value) for part, value in known[:alternatives])
    )


def _token(piece: Any) -> tuple[bytes, float] | None:
    """Return the bytes of a token and its log-probability, None where one of them is missing or wrong."""
    if not isinstance(piece, dict):
        return None
    token, content, logprob = piece.get("token"), piece.get("bytes"), piece.get("logprob")
    if not isinstance(token, str) or not isinstance(logprob, (int, float)) or isinstance(logprob, bool):
        return None
    try:
        number = float(logprob)  # integers can be too large
        part = token.encode("utf-8", "replace") if content is None else bytes(_numbers(content))
    except (OverflowError, TypeError, ValueError):
        return None
    if math.isnan(number) or number == math.inf:
        return None
    return part, -math.inf if number <= LEAST_LOGPROB else min(number, 0.0)


def _numbers(content: Any) -> list[int]:
    if not isinstance(content, list):  # bytes(5) would be five zeros
        raise TypeError("bytes is not a list")
    return content
