"""The reader of answers: from a model's text to detections.

It reads every form in which Qwen's models answer and names each piece that it cannot use. It never raises,
and takes time linear in the length of the text. Coordinates are always on the 0..1000 grid: the scale is
never guessed from the numbers. What `write_answer` writes comes back within half a grid step.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from grounding.answers.forms import (
    BOX_KEYS,
    DUPLICATE,
    EMPTY_ANSWER,
    LABEL_KEYS,
    LABEL_ONLY,
    NO_AREA,
    NO_BOX,
    NOT_FOUR_NUMBERS,
    OUT_OF_RANGE,
    TRUNCATED,
    UNLABELLED,
    UPSIDE_DOWN,
)
from grounding.answers.loose_json import NUMBER, LooseList, LooseText, located, parse_loose_json
from grounding.answers.nothing_found import SEPARATORS, says_nothing
from grounding.boxes import GRID, Size, from_grid
from grounding.markup import BOX_END, BOX_START, REF_END, REF_START
from grounding.samples import Detection, Reading, Span

_BOX_START, _BOX_END = re.escape(BOX_START), re.escape(BOX_END)
_POINT = rf"\(\s*({NUMBER})\s*,\s*({NUMBER})\s*\)"
_TWO_POINTS = re.compile(rf"(?:{_BOX_START})?{_POINT}\s*,\s*{_POINT}(?:{_BOX_END})?")
_HALF_BOX = re.compile(rf"(?:{_BOX_START})?\(\s*[-+0-9][-+0-9.,eE()\s]{{0,120}}\Z")
_SPECIAL_TOKEN = re.compile(r"<\|[a-z_]{1,40}\|>")
_THINK_BLOCK = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)

UNNAMED = located("", (0, 0))
"""The label of a box without one."""

_LABEL_ENDS = " \t\r\n:：`"


def read_answer(text: str, size: Size) -> Reading:
    """Read the objects in a model's answer about an image of this size.

    Forms: grounding tokens, present or skipped by the decoder (`name(x1,y1),(x2,y2)`, several boxes under
    one name); JSON (fenced, in prose, with single quotes or trailing commas, cut off in the middle); bare
    lists of four numbers; answers that say that there is nothing. Coordinates outside the grid are clipped
    and reported, a repeated object is kept and reported, any other bad piece is left out and reported.
    """
    # Blanks of the same length replace what is ignored, so that spans stay those of the original text.
    text = _THINK_BLOCK.sub(_blank, text.encode("utf-8", "replace").decode("utf-8"))
    stripped = _SPECIAL_TOKEN.sub("", text).strip()
    if not stripped:
        return Reading((), (EMPTY_ANSWER,))
    if says_nothing(stripped):
        return Reading((), ())
    findings = _Findings(size)
    structured = any(f"{quote}{key}{quote}" in text for key in BOX_KEYS for quote in "\"'")
    if structured or not (_TWO_POINTS.search(text) or BOX_START in text):
        _read_json(text, findings)
    else:
        _read_points(text, findings)
    if not findings.detections and not findings.problems:
        findings.problems.append(TRUNCATED if _HALF_BOX.search(text) else NO_BOX)
    return Reading(tuple(findings.detections), tuple(findings.problems), tuple(findings.spans))


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())


@dataclass
class _Findings:
    """Detections, problems and spans that were read so far."""

    size: Size
    detections: list[Detection] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    spans: list[tuple[Span, ...]] = field(default_factory=list)
    seen: set[tuple[str, float, float, float, float]] = field(default_factory=set)

    def add(self, label: str, numbers: Sequence[float], *spans: Span) -> None:
        if not label:
            self.problems.append(UNLABELLED)
        lowest, highest = min(numbers), max(numbers)
        if lowest < 0 or highest > GRID:
            self.problems.append(OUT_OF_RANGE)
            if not (math.isfinite(lowest) and math.isfinite(highest)):
                return
            numbers = [min(max(number, 0.0), float(GRID)) for number in numbers]
        x1, y1, x2, y2 = numbers
        if x2 <= x1 or y2 <= y1:
            self.problems.append(UPSIDE_DOWN if x2 < x1 or y2 < y1 else NO_AREA)
            return
        detection, key = Detection(label, from_grid(x1, y1, x2, y2, self.size)), (label, x1, y1, x2, y2)
        if key in self.seen:
            self.problems.append(DUPLICATE)
        self.seen.add(key)
        self.detections.append(detection)
        self.spans.append(tuple((start, end) for start, end in spans if start < end))


def _read_points(text: str, findings: _Findings) -> None:
    """Read `name(x1,y1),(x2,y2)`, with or without the grounding tokens around name and box."""
    label, label_span, end = "", (0, 0), 0
    for match in _TWO_POINTS.finditer(text):
        found, (start, stop) = _label_in(text[end : match.start()])
        if found:
            label, label_span = found, (end + start, end + stop)
        findings.add(label, [float(group) for group in match.groups()], label_span, match.span())
        end = match.end()
    rest = text[end:]
    if BOX_START in rest or _HALF_BOX.search(rest):
        findings.problems.append(TRUNCATED)
    elif _label_in(rest)[0] or REF_START in rest:
        findings.problems.append(LABEL_ONLY)


def _label_in(gap: str) -> tuple[str, Span]:
    """Return the label in the text between two boxes, "" if there are only separators, and its span in it."""
    before, started, inside = gap.rpartition(REF_START)
    if started:
        inside = inside.partition(REF_END)[0]
        start = len(before) + len(started) + len(inside) - len(inside.lstrip())
        return inside.strip(), (start, start + len(inside.strip()))
    label = _SPECIAL_TOKEN.sub("", gap).lstrip(SEPARATORS).rstrip(_LABEL_ENDS)
    return label, (len(gap) - len(gap.lstrip(SEPARATORS)), len(gap.rstrip(_LABEL_ENDS)))


def _read_json(text: str, findings: _Findings) -> None:
    """Read every object that has a box, and every bare list of four numbers."""
    roots, is_cut_off = parse_loose_json(text)
    pending = roots[::-1]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            boxes = next((value[key] for key in BOX_KEYS if key in value), None)
            if boxes is None:
                pending.extend(item for item in reversed(value.values()) if isinstance(item, (dict, list)))
            else:
                label = next((value[key] for key in LABEL_KEYS if isinstance(value.get(key), str)), UNNAMED)
                _add_boxes(boxes, label, findings)
        elif not (kinds := set(map(type, value))) & {dict, LooseList}:
            if float in kinds:  # words in brackets are prose
                _add_boxes(value, UNNAMED, findings)
        else:
            pending.extend(item for item in reversed(value) if isinstance(item, (dict, list)))
    if is_cut_off:
        findings.problems.append(TRUNCATED)


def _add_boxes(boxes: Any, label: LooseText, findings: _Findings) -> None:
    """Add one box, or each box of a list of boxes."""
    several = isinstance(boxes, list) and set(map(type, boxes)) == {LooseList}
    for box in boxes if several else [boxes]:
        if isinstance(box, LooseList) and len(box) == 4 and set(map(type, box)) == {float}:
            findings.add(label.strip(), box, label.span, box.span)
        else:
            findings.problems.append(NOT_FOUR_NUMBERS)
