"""The check of a row with a chosen and a rejected answer: would training on pairs take it as it is?"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from grounding.answers.asked import Asked
from grounding.answers.reader import read_answer
from grounding.boxes import GRID, Size
from grounding.candidates.candidate_list import read_candidates
from grounding.layout import CHOSEN_KEY, REJECTED_KEY
from grounding.markup import BOX_PLACEHOLDER, PICTURE_MARKUP, REF_PLACEHOLDER
from grounding.record.box_pictures import IMAGE_ID_KEY
from grounding.record.checker import check_record
from grounding.record.contract import Contract
from grounding.record.flaws import (
    BAD_ANSWER,
    BAD_CANDIDATES,
    BAD_IMAGES,
    BAD_MESSAGES,
    BAD_OBJECTS,
    BOX_COUNT,
    BOX_FIRST,
    BOX_PICTURES,
    BOX_UNPLACED,
    IMAGE_COUNT,
    IMAGE_PLACE,
    LOST_IN_READING,
    NOT_JSON,
    OTHER_SYSTEM,
    REF_COUNT,
    Flaw,
)
from grounding.record.pieces import excerpt
from grounding.reward import UNREADABLE

NO_PAIR = f"{CHOSEN_KEY} and {REJECTED_KEY} are not one message of the assistant each"
PICTURE_IN_ANSWER = "an answer holds a placeholder or a token of a picture"
SAME_ANSWERS = "the chosen and the rejected answer are the same"

FORM = frozenset(
    {
        *(BAD_IMAGES, BAD_MESSAGES, BAD_OBJECTS, BOX_COUNT, BOX_FIRST, IMAGE_COUNT, IMAGE_PLACE, NOT_JSON),
        *(OTHER_SYSTEM, REF_COUNT, LOST_IN_READING, BOX_PICTURES, BOX_UNPLACED, BAD_CANDIDATES),
    }
)
"""What is checked of a conversation with an answer that the model gave: its form, not whether it is right."""

Messages = list[dict[str, Any]]


def check_pair(row: Any, contract: Contract) -> Iterator[Flaw]:
    """Yield what is wrong with a row: its question, its answers, and the objects for their placeholders.

    The rejected answer may be of any kind; the chosen one has to be readable. The image files are not looked
    at.
    """
    if not isinstance(row, dict):
        yield Flaw(NOT_JSON, excerpt(row))
        return
    for key in (CHOSEN_KEY, REJECTED_KEY):
        if not _is_one_answer(row.get(key)):
            yield Flaw(NO_PAIR, f"{key}: {excerpt(row.get(key))}")
            return
    chosen, rejected = chosen_and_rejected(row)
    record = with_answer(row, chosen, rejected)
    flaws = [flaw for flaw in check_record(record, contract) if flaw.kind in FORM]
    yield from flaws
    if any(flaw.kind != BAD_IMAGES for flaw in flaws):
        return
    for answer in (chosen, rejected):
        if any(mark in answer["content"] for mark in PICTURE_MARKUP):
            yield Flaw(PICTURE_IN_ANSWER, excerpt(answer["content"]))
    yield from _check_counts(row, chosen, rejected)
    if chosen["content"] == rejected["content"] and not _has_objects(chosen):
        yield Flaw(SAME_ANSWERS, excerpt(chosen["content"]))
    if not contract.is_verbatim and not _has_objects(chosen):
        listed, sizes = read_candidates(row), (Size(GRID, GRID),) * max(1, len(row.get("images") or ()))
        asked = Asked(sizes) if listed is None else listed.asked(sizes)
        problems = UNREADABLE.intersection(read_answer(chosen["content"], asked).problems)
        if problems:
            yield Flaw(BAD_ANSWER, excerpt(chosen["content"]))


def with_answer(
    row: Mapping[str, Any], chosen: Mapping[str, str], rejected: Mapping[str, str]
) -> dict[str, Any]:
    """Return the record that the question of a row and its chosen answer make, without the other's objects.

    The objects fill the placeholders of the question, the chosen answer and the rejected one, in this order.
    """
    messages = row.get("messages")
    record = {**row, "messages": [*messages, chosen] if isinstance(messages, list) else messages}
    objects = row.get("objects")
    if isinstance(objects, dict):
        kept = dict(objects)
        for key, placeholder in (
            ("ref", REF_PLACEHOLDER),
            ("bbox", BOX_PLACEHOLDER),
            (IMAGE_ID_KEY, BOX_PLACEHOLDER),
        ):
            count = str(rejected["content"]).count(placeholder)
            if isinstance(kept.get(key), list) and count:
                kept[key] = kept[key][:-count]
        record["objects"] = kept
    return record


def _check_counts(row: Mapping[str, Any], *answers: Mapping[str, str]) -> Iterator[Flaw]:
    """Check the number of placeholders of the whole row: those of the rejected answer came off its end."""
    objects = row.get("objects") or {}
    texts = [message["content"] for message in (*row["messages"], *answers)]
    for key, placeholder, kind in (("ref", REF_PLACEHOLDER, REF_COUNT), ("bbox", BOX_PLACEHOLDER, BOX_COUNT)):
        found, given = sum(text.count(placeholder) for text in texts), len(objects.get(key) or ())
        if found != given:
            yield Flaw(kind, f"{found} placeholders, {given} in objects")


def _is_one_answer(messages: Any) -> bool:
    return (
        isinstance(messages, list)
        and len(messages) == 1
        and isinstance(messages[0], dict)
        and messages[0].get("role") == "assistant"
        and isinstance(messages[0].get("content"), str)
    )


def _has_objects(message: Mapping[str, str]) -> bool:
    return any(placeholder in message["content"] for placeholder in (REF_PLACEHOLDER, BOX_PLACEHOLDER))


def chosen_and_rejected(row: Mapping[str, Any]) -> Sequence[Mapping[str, str]]:
    """Return the chosen and the rejected answer of a row that was checked."""
    return row[CHOSEN_KEY][0], row[REJECTED_KEY][0]
