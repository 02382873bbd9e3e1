"""The reader of answers: from a model's text to detections.

It reads every form in which models answer and names each piece that it cannot use. It never raises, and takes
time linear in the length of the text. Coordinates have the units that the caller states: the scale is never
guessed from the numbers. What `write_answer` writes comes back within half a grid step.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from grounding.answers.asked import Asked, as_asked
from grounding.answers.candidate_numbers import NumberedAnswer, find_numbers
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
from grounding.answers.picture_numbers import index_pictures
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
    asked: Size | Asked,
    scale: AnswerScale | Sequence[AnswerScale] = ON_GRID,
    *,
    thinks: bool = False,
) -> Reading:
    """Read the objects in a model's answer about an image of this size, or about several pictures.

    Forms: grounding tokens, present or skipped by the decoder (`name(x1,y1),(x2,y2)`, several boxes under
    one name), also inside of JSON; JSON (fenced, in prose, in a string, with single quotes, comments or
    trailing commas, cut off in the middle) with labels as values or keys, and a box as four numbers, two
    corners or named sides; lists and brackets of four numbers, with a name beside them on their line; lines
    of text; tags of other models; answers that say that there is nothing. Numbers with a percent sign are
    shares of the image, others are on the `scale`. With `thinks` the text begins inside of a thought.

    Where several pictures were asked about, headings (`Image 2:`, `**Picture 2**`, `图2：`) or keys of JSON
    (`image`) name the picture of each box, counted from 1. Each picture can have a `scale` of its own. A box
    without a picture, or of one that is not there, is left out and reported.

    An answer names the candidates of its question by their numbers from 1: a number alone means the box of
    the candidate, and one beside a box that the answer corrects it.

    Coordinates outside the image are clipped and reported, a repeated object is kept and reported, any other
    bad piece is left out and reported. That all numbers are fractions is reported, too.
    """
    asked = as_asked(asked)
    scales = (scale,) * len(asked.sizes) if isinstance(scale, AnswerScale) else tuple(scale)
    numbered = find_numbers(text, are_listed=bool(asked.candidates))
    findings = _Findings(asked, scales, numbered)
    found = scan_answer(numbered.text, thinks=thinks, about_several=asked.is_about_several)
    for one in index_pictures(found, len(asked.sizes)) if asked.is_about_several else found:
        if isinstance(one, str):
            findings.problems.append(one)
        elif isinstance(one, WrittenBox):
            findings.add(one)
        else:
            findings.add(*one)
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

    asked: Asked
    scales: tuple[AnswerScale, ...]
    numbered: NumberedAnswer
    detections: list[Detection] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    spans: list[tuple[Span, ...]] = field(default_factory=list)
    confidences: list[float | None] = field(default_factory=list)
    numbers: list[int | None] = field(default_factory=list)
    used: set[int] = field(default_factory=set)
    seen: set[tuple[int, str, float, float, float, float]] = field(default_factory=set)
    largest: float = -math.inf
    has_fraction: bool = False

    @property
    def are_fractions(self) -> bool:
        """Whether no number is above 1, and one is written as a fraction, where the scale is larger."""
        shortest = min(min(scale.width, scale.height) for scale in self.scales)
        return self.has_fraction and self.largest <= 1 < shortest

    def add(self, box: WrittenBox, picture: int = 0) -> None:
        """Add a box of the scanned text, or the candidate that it stands for."""
        box, named = self.numbered.read(box)
        number = None if named is None else self._known(named.number)
        is_alone = named is not None and not named.is_corrected
        if is_alone and number is None:
            return
        if not box.label:
            self.problems.append(UNLABELLED)
        if is_alone and number is not None:
            self._keep(box, self.asked.candidates[number], 0, number)
            return
        self._watch_scale(box, self.numbered.original)
        scale = self.scales[picture]
        numbers = _on_grid(box, scale)
        lowest, highest = min(numbers), max(numbers)
        if lowest < 0 or highest > GRID or not math.isfinite(lowest + highest):
            self.problems.append(OUT_OF_RANGE if scale == ON_GRID else OUT_OF_IMAGE)
            if not (math.isfinite(lowest) and math.isfinite(highest)):
                return
            numbers = [min(max(number, 0.0), float(GRID)) for number in numbers]
        x1, y1, x2, y2 = numbers
        if x2 <= x1 or y2 <= y1:
            self.problems.append(UPSIDE_DOWN if x2 < x1 or y2 < y1 else NO_AREA)
            return
        self._keep(box, from_grid(x1, y1, x2, y2, self.asked.sizes[picture]), picture, number)

    def _known(self, number: int) -> int | None:
        """Return the place of the candidate with a number, None if there is no such candidate."""
        if not 0 < number <= len(self.asked.candidates):
            self.problems.append(NO_SUCH_CANDIDATE)
            return None
        if number in self.used:
            self.problems.append(CANDIDATE_TWICE)
        self.used.add(number)
        return number - 1

    def _keep(self, box: WrittenBox, in_image: Box, picture: int, number: int | None) -> None:
        detection = Detection(box.label, in_image, description=box.description, picture=picture)
        key = (picture, box.label, *in_image.xyxy)
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


def _on_grid(box: WrittenBox, scale: AnswerScale) -> Sequence[float]:
    numbers: Sequence[float] = box.numbers
    if box.order == "xywh":
        x, y, width, height = numbers
        numbers = x, y, x + width, y + height
    if box.is_percent:
        return [number * GRID / 100 for number in numbers]
    if scale == ON_GRID:
        return numbers
    return [
        number * GRID / side for number, side in zip(numbers, (scale.width, scale.height) * 2, strict=True)
    ]
