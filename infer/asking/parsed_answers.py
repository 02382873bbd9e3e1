"""Answers parsed into detections, and the protocol of everything that asks for them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from grounding.answers.forms import EMPTY_ANSWER, TRUNCATED
from grounding.answers.reader import ON_GRID, AnswerScale, read_answer
from grounding.boxes import Size
from grounding.samples import Detection
from infer.asking.token_scores import token_scores
from infer.engines.protocol import RawAnswer, Request

NO_SCORE = "no probabilities to score by"
NO_CONFIDENCE = "no confidence in the answer"


@dataclass(frozen=True)
class SizedRequest:
    """A request about an image, or about a crop of one, and the size of that image in pixels."""

    request: Request
    size: Size


@dataclass(frozen=True)
class ParsedAnswer:
    """The detections of an answer, in pixels of the request's image.

    `raw` is the answer's text; of several answers that were merged, it holds all of them. `problems` are the
    named problems of parsing and merging.
    """

    raw: str
    detections: tuple[Detection, ...]
    problems: tuple[str, ...]


class WayOfAsking(Protocol):
    """Asks an engine, once or several times for each request, and merges what it answers.

    The ways that refine another one are built around it: each takes the way that it asks by.
    """

    def __call__(self, requests: Sequence[SizedRequest]) -> list[ParsedAnswer]:
        """Return an answer for each request, in their order and in the pixels of their images."""


def parse_raw_answer(
    answer: RawAnswer,
    size: Size,
    score: str = "none",
    scale: AnswerScale = ON_GRID,
    *,
    thinks: bool = False,
) -> ParsedAnswer:
    """Parse an engine's answer about an image of this size; `score` is the recipe's key.

    `thinks` says whether the request asks for a thought; the engine may know better. What a server sends in
    place of an answer is not read: its name is the problem. Of an answer that the engine has stopped, the
    reason is a problem, and not that its text ends early.
    """
    if answer.problem is not None:
        problems = [answer.problem, TRUNCATED] if answer.is_cut else [answer.problem]
        return ParsedAnswer(answer.text, (), tuple(problems))
    in_thought = thinks if answer.in_thought is None else answer.in_thought
    reading = read_answer(answer.text, size, scale, thinks=in_thought)
    detections, problems = reading.detections, list(reading.problems)
    if answer.stopped is not None:
        problems = [problem for problem in problems if problem not in (TRUNCATED, EMPTY_ANSWER)]
        problems.append(answer.stopped)
    if answer.is_cut and TRUNCATED not in problems:
        problems.append(TRUNCATED)
    if score != "none" and detections:
        scores: Sequence[float | None] = (
            reading.confidences if score == "answer" else token_scores(answer.tokens, reading.spans, score)
        )
        detections = tuple(
            replace(found, score=value) for found, value in zip(detections, scores, strict=True)
        )
        if None in scores:
            problems.append(NO_CONFIDENCE if score == "answer" else NO_SCORE)
    return ParsedAnswer(answer.text, tuple(detections), tuple(problems))
