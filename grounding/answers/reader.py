"""The reader of answers: from a model's text to detections.

It reads every form in which models answer and names each piece that it cannot use. It never raises, and takes
time linear in the length of the text. Coordinates have the units that the caller states: the scale is never
guessed from the numbers. What `write_answer` writes comes back within half a grid step.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from grounding.answers.candidate_numbers import NamedNumber, find_numbers
from grounding.answers.forms import (
    CANDIDATE_TWICE,
    DUPLICATE,
    FRACTIONS,
    NO_AREA,
    NO_SUCH_CANDIDATE,
    OUT_OF_IMAGE,
    OUT_OF_RANGE,
    UNLABELLED,
    UPSIDE_DOWN,
)
from grounding.answers.scanner import scan_answer
from grounding.answers.spellings.written_boxes import WrittenBox
from grounding.boxes import GRID, Box, Size, from_grid
from grounding.samples import Detection, Reading, Span


@dataclass(frozen=True)
class AnswerScale:
    """Numbers of this width and height are those of the right and the lower side of the image."""

    width: float = GRID
    height: float = GRID


ON_GRID = AnswerScale()


def read_answer(
    text: str,
    size: Size,
    scale: AnswerScale = ON_GRID,
    *,
    thinks: bool = False,
    candidates: Sequence[Box] = (),
) -> Reading:
    """Read the objects in a model's answer about an image of this size.

    Forms: grounding tokens, present or skipped by the decoder (`name(x1,y1),(x2,y2)`, several boxes under
    one name), also inside of JSON; JSON (fenced, in prose, in a string, with single quotes, comments or
    trailing commas, cut off in the middle) with labels as values or keys, and a box as four numbers, two
    corners or named sides; lists and brackets of four numbers, with a name beside them on their line; lines
    of text; tags of other models; answers that say that there is nothing. Numbers with a percent sign are
    shares of the image, others are on the `scale`. With `thinks` the text begins inside of a thought.

    An answer names the candidates of its question, whose boxes are given in pixels, by their numbers from 1:
    a number alone means that box, and one beside a box that the answer corrects it.

    Coordinates outside the image are clipped and reported, a repeated object is kept and reported, any other
    bad piece is left out and reported. That all numbers are fractions is reported, too.
    """
    findings = _Findings(size, scale, candidates)
    numbered = find_numbers(text, are_listed=bool(candidates))
    for found in scan_answer(numbered.text, thinks=thinks):
        if isinstance(found, str):
            findings.problems.append(found)
        else:
            findings.add(*numbered.read(found), text)
    if findings.are_fractions:
        findings.problems.append(FRACTIONS)
    return Reading(
        tuple(findings.detections),
        tuple(findings.problems),
        tuple(findings.spans),
        tuple(findings.confidences),
        tuple(findings.numbers) if any(number is not None for number in findings.numbers) else (),
    )


@dataclass
class _Findings:
    """Detections, problems and spans that were read so far."""

    size: Size
    scale: AnswerScale
    candidates: Sequence[Box]
    detections: list[Detection] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    spans: list[tuple[Span, ...]] = field(default_factory=list)
    confidences: list[float | None] = field(default_factory=list)
    numbers: list[int | None] = field(default_factory=list)
    used: set[int] = field(default_factory=set)
    seen: set[tuple[str, float, float, float, float]] = field(default_factory=set)
    largest: float = -math.inf
    has_fraction: bool = False

    @property
    def are_fractions(self) -> bool:
        """Whether no number is above 1, and one is written as a fraction, where the scale is larger."""
        return self.has_fraction and self.largest <= 1 < min(self.scale.width, self.scale.height)

    def add(self, box: WrittenBox, named: NamedNumber | None, text: str) -> None:
        number = self._known(named)
        if named is not None and not named.is_corrected and number is None:
            return
        if not box.label:
            self.problems.append(UNLABELLED)
        if number is not None and named is not None and not named.is_corrected:
            self._keep(box, self.candidates[number], number)
            return
        self._watch_scale(box, text)
        numbers = self._on_grid(box)
        lowest, highest = min(numbers), max(numbers)
        if lowest < 0 or highest > GRID or not math.isfinite(lowest + highest):
            self.problems.append(OUT_OF_RANGE if self.scale == ON_GRID else OUT_OF_IMAGE)
            if not (math.isfinite(lowest) and math.isfinite(highest)):
                return
            numbers = [min(max(number, 0.0), float(GRID)) for number in numbers]
        x1, y1, x2, y2 = numbers
        if x2 <= x1 or y2 <= y1:
            self.problems.append(UPSIDE_DOWN if x2 < x1 or y2 < y1 else NO_AREA)
            return
        self._keep(box, from_grid(x1, y1, x2, y2, self.size), number)

    def _known(self, named: NamedNumber | None) -> int | None:
        """Return the place of a candidate that is named, None if there is no such candidate."""
        if named is None:
            return None
        if not 0 < named.number <= len(self.candidates):
            self.problems.append(NO_SUCH_CANDIDATE)
            return None
        if named.number in self.used:
            self.problems.append(CANDIDATE_TWICE)
        self.used.add(named.number)
        return named.number - 1

    def _keep(self, box: WrittenBox, in_image: Box, number: int | None) -> None:
        detection = Detection(box.label, in_image, description=box.description)
        key = (box.label, *in_image.xyxy)
        if key in self.seen:
            self.problems.append(DUPLICATE)
        self.seen.add(key)
        self.numbers.append(number)
        self.detections.append(detection)
        self.confidences.append(box.confidence)
        spans = (box.label_span, box.span)
        self.spans.append(tuple((start, end) for start, end in spans if start < end))

    def _watch_scale(self, box: WrittenBox, text: str) -> None:
        if box.is_percent:
            self.largest = math.inf
            return
        self.largest = max(self.largest, *box.numbers)
        self.has_fraction = self.has_fraction or any(
            character in ".．" for character in text[slice(*box.span)]
        )

    def _on_grid(self, box: WrittenBox) -> Sequence[float]:
        numbers: Sequence[float] = box.numbers
        if box.order == "xywh":
            x, y, width, height = numbers
            numbers = x, y, x + width, y + height
        if box.is_percent:
            return [number * GRID / 100 for number in numbers]
        if self.scale == ON_GRID:
            return numbers
        sides = (self.scale.width, self.scale.height)
        return [number * GRID / side for number, side in zip(numbers, sides * 2, strict=True)]
