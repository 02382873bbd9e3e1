"""The check of a record: would a training run take it as it is?"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from grounding.answers.candidate_numbers import NUMBER_SIGN
from grounding.boxes import GRID, Box, Size
from grounding.candidates.candidate_list import read_candidates
from grounding.markup import BOX_PLACEHOLDER, IMAGE_PLACEHOLDER, REF_PLACEHOLDER
from grounding.record.box_pictures import IMAGE_ID_KEY, pictures_of_boxes
from grounding.record.contract import Contract
from grounding.record.flaws import (
    ACCEPTED_BY_TRAINING,
    BAD_CANDIDATES,
    BAD_IMAGES,
    BAD_MESSAGES,
    BAD_OBJECTS,
    BAD_REGION,
    BAD_REPLAY,
    BAD_VIEWS,
    BAD_YES_NO,
    BOX_COUNT,
    BOX_FIRST,
    BOX_PICTURES,
    BOX_UNPLACED,
    IMAGE_COUNT,
    IMAGE_PLACE,
    NOT_JSON,
    OTHER_FORMAT,
    OTHER_SYSTEM,
    PICTURE_ORDER,
    REF_COUNT,
    TWICE_IN_ANSWER,
    Flaw,
)
from grounding.record.pieces import check_answer_text, check_box, check_label, excerpt
from grounding.record.read_back import check_reading_back
from grounding.record.replay_mark import is_replayed
from grounding.regions.region_mark import asks_for_words, read_region
from grounding.views.view_mark import without_views
from grounding.yes_no.shown_box import TEXT
from grounding.yes_no.yes_no_mark import TRUTH, YES_NO_KEY, asks_yes_or_no
from grounding.yes_no.yes_no_words import YES_AND_NO

_PLACEHOLDER = re.compile(f"{REF_PLACEHOLDER}|{BOX_PLACEHOLDER}")
_NUMBERED = re.compile(f"{_PLACEHOLDER.pattern}|(?<={REF_PLACEHOLDER}){NUMBER_SIGN}[0-9]")

Messages = list[dict[str, str]]


def check_record(row: Any, contract: Contract) -> Iterator[Flaw]:
    """Yield what is wrong with a row of the JSONL: its form, its numbers of placeholders, and its content.

    The image files are not looked at.
    """
    if not isinstance(row, dict):
        yield Flaw(NOT_JSON, excerpt(row))
        return
    messages, images, objects = row.get("messages"), row.get("images"), row.get("objects")
    may_be_words = images == [] and is_replayed(row)
    if not may_be_words and not _are_paths(images):
        yield Flaw(BAD_IMAGES, excerpt(images))
        images = None if images else []
    problem = _find_bad_turn(messages)
    if problem is not None or not isinstance(messages, list):
        yield Flaw(BAD_MESSAGES, problem or excerpt(messages))
        return
    yield from _check_image_places(messages, images)
    yield from _check_system_prompt(messages, contract)
    if asks_yes_or_no(row):
        yield from _check_yes_no(messages, objects, row[YES_NO_KEY])
        return
    if asks_for_words(row):
        yield from _check_region(messages, objects, row, contract, len(images or ()))
        return
    if is_replayed(row):
        if objects or any(_PLACEHOLDER.search(message["content"]) for message in messages):
            yield Flaw(BAD_REPLAY, excerpt(objects or messages[-1]["content"]))
        return
    try:
        plain = without_views(row)
    except ValueError as error:
        yield Flaw(BAD_VIEWS, str(error))
        return
    yield from _check_question_for_boxes(plain, contract, len(images or ()) if plain is row else 1)


def _check_question_for_boxes(row: dict[str, Any], contract: Contract, images: int) -> Iterator[Flaw]:
    """Check the candidates that a question lists, and the objects that its answers name.

    `images` is how many images the answers are about.
    """
    messages, objects = row["messages"], row.get("objects")
    candidates = None
    try:
        candidates = read_candidates(row)
    except ValueError as error:
        yield Flaw(BAD_CANDIDATES, str(error))
    if candidates is not None and candidates.without(_first_question(messages)) is None:
        yield Flaw(BAD_CANDIDATES, excerpt(_first_question(messages)))
    boxes = () if candidates is None else candidates.boxes_in(Size(GRID, GRID))
    yield from _check_named_objects(messages, objects, contract, images, boxes)


def _first_question(messages: Messages) -> str:
    return next(message["content"] for message in messages if message["role"] == "user")


def _are_paths(images: Any) -> bool:
    return (
        isinstance(images, list)
        and bool(images)
        and all(isinstance(name, str) and bool(name) for name in images)
    )


def _check_named_objects(
    messages: Messages, objects: Any, contract: Contract, images: int, candidates: Sequence[Box] = ()
) -> Iterator[Flaw]:
    """Check the objects that the answers name, and that the reader finds them."""
    in_objects = [
        *_check_pictures(messages, objects, images),
        *_check_objects(messages, objects, contract, are_numbered=bool(candidates)),
    ]
    yield from in_objects
    if all(flaw.kind in ACCEPTED_BY_TRAINING for flaw in in_objects):
        yield from check_reading_back(messages, objects, candidates)
    shown = 0
    for message in messages:
        shown += message["content"].count(IMAGE_PLACEHOLDER) if message["role"] == "user" else 0
        if message["role"] == "assistant" and not _PLACEHOLDER.search(message["content"]):
            yield from check_answer_text(
                message["content"], contract, candidates, images=shown if images > 1 else 1
            )


def _check_pictures(messages: Messages, objects: Any, images: int) -> Iterator[Flaw]:
    """Check which image each box is in; `images` is how many the record has."""
    if not isinstance(objects, dict) or not isinstance(objects.get("bbox", []), list):
        return  # another flaw
    indices = objects.get(IMAGE_ID_KEY)
    if indices is None:
        if images > 1 and objects.get("bbox"):
            yield Flaw(BOX_UNPLACED, excerpt(objects))
        return
    try:
        left = iter(pictures_of_boxes(objects, images))
    except ValueError as error:
        yield Flaw(BOX_PICTURES, f"{error}: {excerpt(indices)}")
        return
    for message in messages:
        own = [next(left, 0) for _ in range(message["content"].count(BOX_PLACEHOLDER))]
        if message["role"] == "assistant" and own != sorted(own):
            yield Flaw(PICTURE_ORDER, excerpt(own))


def _find_bad_turn(messages: Any) -> str | None:
    if not isinstance(messages, list) or not messages:
        return excerpt(messages)
    for message in messages:
        if not isinstance(message, dict) or not isinstance(message.get("content"), str):
            return excerpt(message)
    roles = [message.get("role") for message in messages]
    turns = roles[1:] if roles[0] == "system" else roles
    if not turns or len(turns) % 2 or turns != ["user", "assistant"] * (len(turns) // 2):
        return f"roles {', '.join(map(str, roles))}"
    return None


def _check_image_places(messages: Messages, images: list[str] | None) -> Iterator[Flaw]:
    """Check the placeholders of images; `images` is None if it is not a list of paths."""
    elsewhere = [m["content"] for m in messages if m["role"] != "user" and IMAGE_PLACEHOLDER in m["content"]]
    if elsewhere:
        yield Flaw(IMAGE_PLACE, excerpt(elsewhere[0]))
    found = sum(message["content"].count(IMAGE_PLACEHOLDER) for message in messages)
    if images is not None and found != len(images):
        yield Flaw(IMAGE_COUNT, f"{found} placeholders, {len(images)} images")


def _check_system_prompt(messages: Messages, contract: Contract) -> Iterator[Flaw]:
    system = messages[0]["content"] if messages[0]["role"] == "system" else ""
    if contract.system_prompt is not None and system.strip() != contract.system_prompt.strip():
        yield Flaw(OTHER_SYSTEM, f"'{excerpt(system)}', and the card's is '{contract.system_prompt}'")


def _check_yes_no(messages: Messages, objects: Any, kind: str) -> Iterator[Flaw]:
    """Check a yes/no question about a box: one turn, no objects, and the answer that fits the box's kind."""
    *before, answer = (message["content"] for message in messages if message["role"] != "system")
    places = {YES_NO_KEY: kind, "answer": answer}
    fitting = [words[kind != TRUTH] for words in YES_AND_NO.values()]
    if len(before) != 1 or objects or answer not in fitting:
        yield Flaw(BAD_YES_NO, excerpt(places))
    elif _PLACEHOLDER.search(before[0]):
        yield Flaw(BAD_YES_NO, excerpt(before[0]))


def _check_region(
    messages: Messages, objects: Any, row: dict[str, Any], contract: Contract, images: int
) -> Iterator[Flaw]:
    """Check a question for words: its first answer is one that its mark knows to be true.

    A text that states the box of its region, in place of a picture, has its numbers. The conversation can go
    on with other questions; only these can have objects.
    """
    try:
        region = read_region(row)
    except ValueError as error:
        yield Flaw(BAD_REGION, str(error))
        return
    turns = [message for message in messages if message["role"] != "system"]
    question, answer = (turn["content"] for turn in turns[:2])
    later = turns[2:]
    if region is None or answer not in region.phrases:
        yield Flaw(BAD_REGION, excerpt(answer))
    elif _PLACEHOLDER.search(question):
        yield Flaw(BAD_REGION, excerpt(question))
    elif region.show == TEXT and not _states_box(question, region.box):
        yield Flaw(BAD_REGION, f"the question does not state {list(region.box)}: {excerpt(question)}")
    elif later:
        yield from _check_named_objects(later, objects, contract, images)
    elif objects:
        yield Flaw(BAD_REGION, excerpt(objects))


def _states_box(text: str, box: tuple[int, ...]) -> bool:
    joined = r"\D+".join(map(str, box))
    return re.search(rf"(?<!\d){joined}(?!\d)", text) is not None


def _check_objects(
    messages: Messages, objects: Any, contract: Contract, *, are_numbered: bool = False
) -> Iterator[Flaw]:
    """Check `objects` against its placeholders, then each label and box.

    Where candidates `are_numbered`, a label can have a number in place of a box.
    """
    lists = objects if isinstance(objects, dict) else {}
    labels, boxes = (lists.get(key, []) for key in ("ref", "bbox"))
    are_lists = isinstance(labels, list) and isinstance(boxes, list)
    labels, boxes = (value if isinstance(value, list) else [] for value in (labels, boxes))
    yield from _check_counts(messages, labels, boxes)
    if objects is not None and not (isinstance(objects, dict) and are_lists):
        yield Flaw(BAD_OBJECTS, excerpt(objects))
        return
    if contract.answer_format == "json" and boxes:
        yield Flaw(OTHER_FORMAT, excerpt(objects))
    in_answers = _labels_with_a_box_in_answers(messages, are_numbered=are_numbered)
    for position, label in enumerate(labels):
        yield from check_label(label, contract.labels if position in in_answers else None)
    for box in boxes:
        yield from check_box(box)
    if len(labels) == len(boxes):
        yield from _find_repeated(labels, boxes, lists.get(IMAGE_ID_KEY))


def _check_counts(messages: Messages, labels: list[Any], boxes: list[Any]) -> Iterator[Flaw]:
    for placeholder, values, kind in (
        (REF_PLACEHOLDER, labels, REF_COUNT),
        (BOX_PLACEHOLDER, boxes, BOX_COUNT),
    ):
        found = sum(message["content"].count(placeholder) for message in messages)
        if found != len(values):
            yield Flaw(kind, f"{found} placeholders, {len(values)} in objects")
    has_label = False
    for message in messages:
        marks = _PLACEHOLDER.findall(message["content"])
        is_unnamed = REF_PLACEHOLDER in marks and marks[0] == BOX_PLACEHOLDER and not has_label
        if message["role"] == "assistant" and is_unnamed:
            yield Flaw(BOX_FIRST, excerpt(message["content"]))
        has_label = has_label or REF_PLACEHOLDER in marks


def _labels_with_a_box_in_answers(messages: Messages, *, are_numbered: bool) -> set[int]:
    """Return the positions, in `objects.ref`, of the labels that name a box of an answer, or a candidate."""
    found: set[int] = set()
    position = -1
    for message in messages:
        for mark in (_NUMBERED if are_numbered else _PLACEHOLDER).findall(message["content"]):
            if mark == REF_PLACEHOLDER:
                position += 1
            elif message["role"] == "assistant":
                found.add(position)
    return found


def _find_repeated(labels: list[Any], boxes: list[Any], pictures: Any) -> Iterator[Flaw]:
    seen: set[str] = set()
    has_pictures = isinstance(pictures, list) and len(pictures) == len(boxes)
    for place, pair in enumerate(zip(labels, boxes, strict=True)):
        key = repr((*pair, pictures[place] if has_pictures else 0))
        if key in seen:
            yield Flaw(TWICE_IN_ANSWER, excerpt(pair))
        seen.add(key)
