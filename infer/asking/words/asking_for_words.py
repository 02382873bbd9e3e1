"""Ask for words about regions: each question once, and what comes back is the answer, without boxes."""

from collections.abc import Sequence
from dataclasses import replace

from grounding.answers.forms import EMPTY_ANSWER, TRUNCATED
from grounding.answers.spellings.plain_characters import without_wrapping
from infer.asking.parsed_answers import ParsedAnswer
from infer.engines.protocol import Engine, RawAnswer, Request


def ask_for_words(
    engine: Engine, requests: Sequence[Request], batch_size: int, *, thinks: bool = False
) -> list[ParsedAnswer]:
    """Return the words that answer each request; no grammar and no way of asking for boxes applies.

    `thinks` says whether requests ask for a thought.
    """
    asked = [replace(request, is_free_form=True) for request in requests]
    return [
        parse_words(answer, thinks=thinks)
        for start in range(0, len(asked), batch_size)
        for answer in engine.answer(asked[start : start + batch_size])
    ]


def parse_words(answer: RawAnswer, *, thinks: bool = False) -> ParsedAnswer:
    """Return an answer as words, without its thought.

    That it holds no box is no problem; that it was cut off, stopped or refused, or is empty, is one.
    """
    if answer.problem is not None:
        problems = [answer.problem, TRUNCATED] if answer.is_cut else [answer.problem]
        return ParsedAnswer(answer.text, (), tuple(problems))
    in_thought = thinks if answer.in_thought is None else answer.in_thought
    bare = without_wrapping(answer.text, thinks=in_thought)
    words = "" if bare is None else bare.strip()
    if answer.stopped is not None:
        return ParsedAnswer(words, (), (answer.stopped,))
    if answer.is_cut or bare is None:
        return ParsedAnswer(words, (), (TRUNCATED,))
    return ParsedAnswer(words, (), () if words else (EMPTY_ANSWER,))
