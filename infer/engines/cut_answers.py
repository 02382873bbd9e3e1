"""Answers that end before their text does: at a place in it, or where they begin to repeat themselves."""

from dataclasses import replace

from grounding.answers.repeats import RepeatStop, find_repeat
from infer.engines.protocol import RawAnswer, Token


def cut_at(answer: RawAnswer, place: int) -> RawAnswer:
    """Return the answer before a place in its text; a token across it keeps what is before."""
    kept: list[Token] = []
    left = place
    for token in answer.tokens:
        if left <= 0:
            break
        kept.append(token if len(token.text) <= left else _start_of(token, left))
        left -= len(token.text)
    return replace(answer, text=answer.text[:place], is_cut=False, tokens=tuple(kept))


def _start_of(token: Token, length: int) -> Token:
    """Return a token with the first characters of its text alone."""
    text = token.text[:length]
    return replace(token, text=text, content=None if token.content is None else text.encode())


def cut_at_repeat(answer: RawAnswer, stop: RepeatStop | None) -> RawAnswer:
    """Return the answer before the place at which it repeats itself, with the reason in `stopped`."""
    if stop is None:
        return answer
    return replace(cut_at(answer, stop.place), stopped=stop.problem)


def without_repeats(answer: RawAnswer, *, thinks: bool, about_several: bool = False) -> RawAnswer:
    """Return a whole answer up to the place at which it repeats itself.

    `thinks` says whether it begins inside of a thought, where the engine cannot tell; `about_several`, that
    its boxes are about several pictures. What came in place of an answer stays as it is.
    """
    if answer.problem is not None:
        return answer
    in_thought = thinks if answer.in_thought is None else answer.in_thought
    return cut_at_repeat(answer, find_repeat(answer.text, thinks=in_thought, about_several=about_several))
