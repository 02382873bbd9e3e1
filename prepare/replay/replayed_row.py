"""The answers of a prompt as a record, or the reason why they make none."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grounding.answers.forms import EMPTY_ANSWER
from grounding.answers.reader import read_answer
from grounding.answers.repeats import find_repeat
from grounding.boxes import GRID, Size
from grounding.markup import (
    BOX_END,
    BOX_PLACEHOLDER,
    BOX_START,
    GROUNDING_TOKENS,
    PICTURE_MARKUP,
    REF_END,
    REF_PLACEHOLDER,
    REF_START,
)
from grounding.record.checker import check_record
from grounding.record.contract import Contract
from grounding.record.flaws import WARNINGS
from grounding.record.replay_mark import REPLAY_KEY
from prepare.replay.prompts_read import ReplayPrompt
from prepare.servers.answer_log import LoggedAnswer

NO_ANSWER = "no answer after all retries"
CUT = "answer cut at max_new_tokens"
SPECIAL_TOKENS = "special tokens that no text may have"
BOXES_WITHOUT_IMAGE = "answer with boxes about no image"
THOUGHT = "answer with a thought"
FLAWED = "not a record that training takes: {kind}"

_ON_GRID = Size(GRID, GRID)
_NUMBER = r"([0-9]{1,6})"
_SPELLED = re.compile(
    rf"{re.escape(REF_START)}(?P<label>.*?){re.escape(REF_END)}"
    rf"|{re.escape(BOX_START)}\({_NUMBER},{_NUMBER}\),\({_NUMBER},{_NUMBER}\){re.escape(BOX_END)}",
    re.DOTALL,
)
_SPECIAL = re.compile(r"<\|[^|<>\s]{1,40}\|>|</?think>")


@dataclass(frozen=True)
class Unusable:
    """Answers that make no record; `reason` is counted."""

    reason: str


def replayed_row(
    prompt: ReplayPrompt, answers: Sequence[LoggedAnswer], image: str | None
) -> dict[str, Any] | Unusable:
    """Return the record of a prompt and all its answers; `image` is the path in the folder.

    Grounding tokens become placeholders with objects, as `prepare` writes them. A record whose answers name
    no objects is marked, unless a data set asks there where objects are.
    """
    for answer in answers:
        if (reason := _fault(answer)) is not None:
            return Unusable(reason)
    messages = [{"role": "system", "content": prompt.system}] if prompt.system else []
    for question, answer in zip(prompt.questions, answers, strict=True):
        messages += [
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer.text.strip()},
        ]
    objects = _take_objects(messages)
    if objects is not None and image is None:
        return Unusable(BOXES_WITHOUT_IMAGE)
    if any(_SPECIAL.search(message["content"]) for message in messages):
        return Unusable(SPECIAL_TOKENS)
    row: dict[str, Any] = {"messages": messages, "images": [] if image is None else [image]}
    if objects is not None:
        row["objects"] = objects
    names_objects = image is not None and any(
        read_answer(answer.text, _ON_GRID).detections for answer in answers
    )
    if not (names_objects or objects or prompt.about_boxes):
        row[REPLAY_KEY] = True
    for flaw in check_record(row, Contract(is_verbatim=True)):
        if flaw.kind not in WARNINGS:
            return Unusable(FLAWED.format(kind=flaw.kind))
    return row


def _fault(answer: LoggedAnswer) -> str | None:
    """Return why an answer cannot be learned, None if it can."""
    if answer.problem is not None:
        return answer.problem
    if answer.is_cut:
        return CUT
    if not answer.text.strip():
        return EMPTY_ANSWER
    if any(mark in answer.text for mark in PICTURE_MARKUP):
        return SPECIAL_TOKENS
    if "<think>" in answer.text or "</think>" in answer.text:
        return THOUGHT
    stop = find_repeat(answer.text)
    return None if stop is None else stop.problem


def _take_objects(messages: Sequence[dict[str, str]]) -> dict[str, list[Any]] | None:
    """Put placeholders in the place of grounding tokens, and return their objects; None where there are none.

    Tokens that stand otherwise than training writes them stay as they are.
    """
    labels: list[str] = []
    boxes: list[list[int]] = []

    def take(match: re.Match[str]) -> str:
        if match["label"] is not None:
            labels.append(match["label"])
            return REF_PLACEHOLDER
        boxes.append([int(number) for number in match.groups()[1:]])
        return BOX_PLACEHOLDER

    for message in messages:
        if any(token in message["content"] for token in GROUNDING_TOKENS):
            message["content"] = _SPELLED.sub(take, message["content"])
    return {"ref": labels, "bbox": boxes} if labels or boxes else None
