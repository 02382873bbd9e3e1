"""Answers parsed into detections, and the protocol of everything that asks for them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from grounding.answers.asked import Asked, as_asked
from grounding.answers.forms import EMPTY_ANSWER, TRUNCATED
from grounding.answers.reader import ON_GRID, AnswerScale, read_answer
from grounding.boxes import Box, Size
from grounding.errors import UserError
from grounding.samples import Detection, Reading
from grounding.views.view_mark import Views
from infer.asking.token_scores import token_scores
from infer.confidence.box_features import Features, box_features
from infer.confidence.calibration import BeingFitted, Calibration
from infer.confidence.candidate_features import with_candidates
from infer.engines.protocol import RawAnswer, Request
from infer.engines.settings import CALIBRATED, HEAD

NO_SCORE = "no probabilities to score by"
NO_CONFIDENCE = "no confidence in the answer"
NOT_READ = "box that the box head could not read"


@dataclass(frozen=True)
class SizedRequest:
    """A request, and the pictures that the boxes of its answer are about, by their sizes in pixels.

    A size alone is that of the only picture. What a request shows can be something else, such as crops.
    """

    request: Request
    about: Size | Asked

    @property
    def asked(self) -> Asked:
        """The pictures that the boxes are about."""
        return as_asked(self.about)

    @property
    def size(self) -> Size:
        """The size of the only picture.

        Raises:
            ValueError: there are several.
        """
        (size,) = self.asked.sizes
        return size

    @property
    def shows_views(self) -> bool:
        """Whether it shows views of its picture, beside the picture itself."""
        return len(self.request.images) > len(self.asked.sizes)

    def plainly(self, request: Request) -> "SizedRequest":
        """Return another request about the same pictures, which lists no candidates."""
        return SizedRequest(replace(request, candidates=0), Asked(self.asked.sizes))

    def file_of(self, found: Detection) -> Path:
        """Return the file of the picture that a box of the answer is in.

        Raises:
            UserError: the request shows other pictures than those that boxes are about.
        """
        if len(self.request.images) != len(self.asked.sizes):
            raise UserError(
                f"a question shows {len(self.request.images)} pictures, and its boxes are about "
                f"{len(self.asked.sizes)}: its boxes cannot be asked about"
            )
        return self.request.images[found.picture]


@dataclass(frozen=True)
class ParsedAnswer:
    """The detections of an answer, each in pixels of its picture.

    `raw` is the answer's text; of several answers that were merged, it holds all of them. `problems` are the
    named problems of parsing and merging. `views` are those that were added to the question.
    """

    raw: str
    detections: tuple[Detection, ...]
    problems: tuple[str, ...]
    views: Views | None = None


class WayOfAsking(Protocol):
    """Asks an engine, once or several times for each request, and merges what it answers.

    The ways that refine another one are built around it: each takes the way that it asks by.
    """

    def __call__(self, requests: Sequence[SizedRequest]) -> list[ParsedAnswer]:
        """Return an answer for each request, in their order and in the pixels of their pictures."""


def parse_raw_answer(
    answer: RawAnswer,
    about: Size | Asked,
    score: str = "none",
    scale: AnswerScale | Sequence[AnswerScale] = ON_GRID,
    *,
    thinks: bool = False,
    calibration: Calibration | BeingFitted | None = None,
) -> ParsedAnswer:
    """Parse an engine's answer about a picture of this size, or about several; `score` is the recipe's key.

    Each of several pictures can have a `scale` of its own. With score=calibrated, `calibration` makes the
    scores. While it is fitted, the boxes keep their features, and their score is mean_logprob. `thinks` says
    whether the request asks for a thought; the engine may know better. A box that the engine's head has
    corrected takes the place of the written one. What a server sends in place of an answer is not read: its
    name is the problem. Of an answer that the engine has stopped, the reason is a problem, and not that its
    text ends early.
    """
    if answer.problem is not None:
        problems = [answer.problem, TRUNCATED] if answer.is_cut else [answer.problem]
        return ParsedAnswer(answer.text, (), tuple(problems))
    in_thought = thinks if answer.in_thought is None else answer.in_thought
    asked = as_asked(about)
    reading = read_answer(answer.text, asked, scale, thinks=in_thought)
    if answer.is_cut:
        reading = _without_cut_number(reading, answer.text)
    detections, problems = reading.detections, list(reading.problems)
    if answer.stopped is not None:
        problems = [problem for problem in problems if problem not in (TRUNCATED, EMPTY_ANSWER)]
        problems.append(answer.stopped)
    if answer.is_cut and TRUNCATED not in problems:
        problems.append(TRUNCATED)
    if score != "none" and detections:
        detections = _with_scores(reading, answer, asked, score, calibration)
        if any(found.score is None for found in detections):
            problems.append({"answer": NO_CONFIDENCE, HEAD: NOT_READ}.get(score, NO_SCORE))
    if answer.head_boxes:
        detections = _corrected(detections, reading, answer, asked)
    return ParsedAnswer(answer.text, tuple(detections), tuple(problems))


def _without_cut_number(reading: Reading, text: str) -> Reading:
    """Return the reading of a cut answer without a candidate's number at its end: digits can be missing."""
    is_named = bool(reading.candidates) and reading.candidates[-1] is not None
    is_last = is_named and bool(reading.spans[-1]) and reading.spans[-1][-1][1] == len(text)
    if not is_last or not text[-1].isdigit():  # a corrected box ends with a bracket
        return reading
    return replace(
        reading,
        detections=reading.detections[:-1],
        spans=reading.spans[:-1],
        confidences=reading.confidences[:-1],
        candidates=reading.candidates[:-1],
    )


def _corrected(
    detections: Sequence[Detection], reading: Reading, answer: RawAnswer, asked: Asked
) -> tuple[Detection, ...]:
    """Return the detections with the boxes of the head, each in pixels of its picture."""
    known = {box.span: box.shares for box in answer.head_boxes}
    corrected = [known.get(spans[-1]) if spans else None for spans in reading.spans]
    return tuple(
        found if shares is None else replace(found, box=_in_pixels(shares, asked.sizes[found.picture]))
        for found, shares in zip(detections, corrected, strict=True)
    )


def _in_pixels(shares: Sequence[float], size: Size) -> Box:
    x1, y1, x2, y2 = shares
    return Box(x1 * size.width, y1 * size.height, x2 * size.width, y2 * size.height)


def _with_scores(
    reading: Reading,
    answer: RawAnswer,
    asked: Asked,
    score: str,
    calibration: Calibration | BeingFitted | None,
) -> tuple[Detection, ...]:
    """Return the detections of an answer with the score that the recipe's key names."""
    features: Sequence[Features | None] = [None] * len(reading.detections)
    scores: Sequence[float | None]
    if score == CALIBRATED:
        assert calibration is not None  # whoever asks with this score has one
        features = box_features(reading, answer.tokens, asked, is_cut=answer.is_cut)
        features = with_candidates(features, reading, asked, calibration.names)
    if score == "answer":
        scores = reading.confidences
    elif score == HEAD:
        known = {box.span: box.match for box in answer.head_boxes}
        scores = [known.get(spans[-1]) if spans else None for spans in reading.spans]
    elif isinstance(calibration, Calibration) and score == CALIBRATED:
        scores, features = calibration.scores(features), [None] * len(features)
    else:
        scores = token_scores(answer.tokens, reading.spans, score)
    return tuple(
        replace(found, score=value, features=row or ())
        for found, value, row in zip(reading.detections, scores, features, strict=True)
    )
