"""Answers: how objects are written for training, and how a model's text is read back.

`write_answer` and `read_answer` are inverse up to half a grid step. The reader takes every form in
which Qwen's models answer, never raises, takes time linear in the text's length, and names each piece
it cannot use. Coordinates are always on the 0..1000 grid: the scale is never guessed from the numbers.
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from grounding.boxes import GRID, Size, from_grid, to_grid
from grounding.loose_json import NUMBER, LooseList, LooseText, located, parse_loose_json
from grounding.samples import Detection, Reading, Span

ANSWER_FORMATS = ("objects", "json")
"""objects: PaddleFormers' placeholders, which become Qwen's grounding tokens; json: Qwen3-VL's own list."""

NOTHING_FOUND = {"objects": "None of them is in the image.", "json": "[]"}
"""The one answer of each format that says: nothing to find."""

EMPTY_ANSWER = "empty answer"
NO_BOX = "no box in the answer"
TRUNCATED = "truncated"
UNLABELLED = "box without a label"
LABEL_ONLY = "label without a box"
NOT_FOUR_NUMBERS = "not four numbers"
OUT_OF_RANGE = "coordinate outside 0..1000"
UPSIDE_DOWN = "upside down"
NO_AREA = "no area"
DUPLICATE = "duplicate"

BOX_KEYS = ("bbox_2d", "bbox", "box")
LABEL_KEYS = ("label", "name", "category", "class", "ref")

REF_START, REF_END = "<|object_ref_start|>", "<|object_ref_end|>"
BOX_START, BOX_END = "<|box_start|>", "<|box_end|>"

_POINT = rf"\(\s*({NUMBER})\s*,\s*({NUMBER})\s*\)"
_TWO_POINTS = re.compile(rf"(?:<\|box_start\|>)?{_POINT}\s*,\s*{_POINT}(?:<\|box_end\|>)?")
_HALF_BOX = re.compile(r"(?:<\|box_start\|>)?\(\s*[-+0-9][-+0-9.,eE()\s]{0,120}\Z")
_SPECIAL_TOKEN = re.compile(r"<\|[a-z_]{1,40}\|>")
_THINK_BLOCK = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_NOTHING = re.compile(
    # A clause that says that something is not there, and no word that takes it back.
    r"""(?!.*\b(?:but|however|only|except)\b|.*(?:但|只|而是))(?:(?:sorry|no),\s*)?(?:
        none(?:\s.*)? | nothing(?:\s.*)? | not\s(?:found|present|visible)(?:\s.*)? | null | n/a
        | there\s(?:is|are|was|were)(?:n't|\snot?\b|\snone\b).*
        | (?:the|this)\s(?:image|picture|photo)\s(?:contains|shows|has)\sno(?:ne)?\b.*
        | (?:the|this)\s(?:image|picture|photo)\s(?:does\snot|doesn't)\s(?:contain|show|have)\b.*
        | (?:i\s)?(?:can(?:no|')t|could\snot|couldn't|did\snot|didn't)\s(?:find|see|detect|locate)\b.*
        | no\b.*\b(?:found|detected|visible|present|seen|shown|here|there|image|picture|photo)
        | .*(?:没有|未检测到|未发现|未找到|未见|不存在|找不到|看不到|无法找到).* | 无 | 无目标.*
        | 在?[这该此]?[张幅]?(?:图|图像|图片|画面|照片)[中里]
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_CLAUSE_END = re.compile(r"[.!;。！；，\n]")
_FENCE = re.compile(r"```(?:json)?")
_EMPTY_JSON = re.compile(r'\[\s*\]|\{\s*(?:"[^"]*"\s*:\s*\[\s*\]\s*)?\}')
_SHORT = 300
"""An answer that says in words that there is nothing is not longer."""

UNNAMED = located("", (0, 0))
"""The label of a box that has none."""

_SEPARATORS = " \t\r\n,;.:、，；。：-*`"
_LABEL_ENDS = " \t\r\n:：`"


@dataclass(frozen=True)
class Answer:
    """An assistant message of a training record, and the `objects` that fill its placeholders."""

    content: str
    objects: dict[str, list[Any]] | None


def write_answer(answer_format: str, detections: Sequence[Detection], size: Size) -> Answer:
    """Write the answer that names these objects, boxes on the 0..1000 grid, in their order."""
    if answer_format == "objects":
        objects: dict[str, list[Any]] = {
            "ref": [detection.label for detection in detections],
            "bbox": [list(to_grid(detection.box, size)) for detection in detections],
        }
        content = ", ".join(["<ref-object><bbox>"] * len(detections)) or NOTHING_FOUND["objects"]
        return Answer(content, objects if detections else None)
    rows = [
        {"bbox_2d": list(to_grid(detection.box, size)), "label": detection.label} for detection in detections
    ]
    return Answer(json.dumps(rows, ensure_ascii=False), None)


def trained_text(answer: Answer) -> str:
    """Return the text that the model is trained on: placeholders replaced as PaddleFormers does."""
    if answer.objects is None:
        return answer.content
    pairs = zip(answer.objects["ref"], answer.objects["bbox"], strict=True)
    return ", ".join(
        f"{REF_START}{label}{REF_END}{BOX_START}({box[0]},{box[1]}),({box[2]},{box[3]}){BOX_END}"
        for label, box in pairs
    )


def read_answer(text: str, size: Size) -> Reading:
    """Read the objects out of a model's answer to a question about an image of this size.

    Forms: grounding tokens, shown or skipped (`name(x1,y1),(x2,y2)`, several boxes under one name);
    JSON (fenced or not, in prose, single quotes, trailing commas, cut off in the middle); bare lists of
    four numbers; the answers that say that there is nothing. Coordinates outside the grid are clipped
    and reported; a repeated object is kept and reported; every other piece that is not kept is a problem.
    """
    # What is left out gives way to as many characters, so that the spans are those of the text as it came.
    text = _THINK_BLOCK.sub(_blank, text.encode("utf-8", "replace").decode("utf-8"))
    stripped = _SPECIAL_TOKEN.sub("", text).strip()
    if not stripped:
        return Reading((), (EMPTY_ANSWER,))
    if _says_nothing(stripped):
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


def _says_nothing(text: str) -> bool:
    """Tell whether an answer, in English, Chinese or JSON, says that there is nothing to find."""
    if len(text) > _SHORT or any(map(str.isdigit, text)):
        return False
    text = _FENCE.sub("\n", text)
    words = _EMPTY_JSON.sub("\n", text)
    said = [clause for part in _CLAUSE_END.split(words) if (clause := part.strip(_SEPARATORS))]
    return all(map(_NOTHING.fullmatch, said)) if said else words != text


@dataclass
class _Findings:
    """What was read so far."""

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
    """Return the label in the text between two boxes, "" where there are only separators, and its place."""
    before, started, inside = gap.rpartition(REF_START)
    if started:
        inside = inside.partition(REF_END)[0]
        start = len(before) + len(started) + len(inside) - len(inside.lstrip())
        return inside.strip(), (start, start + len(inside.strip()))
    label = _SPECIAL_TOKEN.sub("", gap).lstrip(_SEPARATORS).rstrip(_LABEL_ENDS)
    return label, (len(gap) - len(gap.lstrip(_SEPARATORS)), len(gap.rstrip(_LABEL_ENDS)))


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
