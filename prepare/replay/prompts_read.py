"""The prompts of a text file, of conversations in JSON lines, or of a prepared data set."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import find_encoding_problem, is_regular, lies_inside, read_json, read_jsonl
from grounding.layout import JSONL_FILES
from grounding.markup import IMAGE_PLACEHOLDER, PICTURE_MARKUP
from grounding.prompts import draw
from grounding.record.conversation import asks_for_boxes
from grounding.record.filling import fill_placeholders
from prepare.sources.record_parts.canonical_row import as_messages

NO_QUESTION = "prompt without a question"
SEVERAL_IMAGES = "prompt with several images"
IMAGE_ELSEWHERE = "prompt whose image is not in its first question"
IMAGE_MARKUP = "prompt with markup for images that it does not have"
IMAGE_MISSING = "prompt whose image is missing"
IMAGE_OUTSIDE = "prompt whose image lies outside its folder"
NOT_TEXT = "prompt that is no text"
TWICE = "prompt that came before"


@dataclass(frozen=True)
class ReplayPrompt:
    """A prompt: its questions, each to be answered by the model in its turn.

    The first question holds IMAGE_PLACEHOLDER if there is an image. `about_boxes` says that a data set asks
    where objects are; `where` names the prompt in messages.
    """

    system: str
    questions: tuple[str, ...]
    image: Path | None
    about_boxes: bool
    where: str


@dataclass(frozen=True)
class FoundPrompts:
    """The prompts that can be asked, and the others, counted by reason."""

    prompts: tuple[ReplayPrompt, ...]
    dropped: Counter[str]


class _UnfitError(Exception):
    """A row is no prompt that can be asked; the text is the reason."""


def read_prompts(place: Path, system: str, seed: int) -> FoundPrompts:
    """Return the prompts of a place, each once, in an order that the seed decides.

    A folder is a prepared data set, whose training questions are taken. A file with the ending jsonl or json
    has conversations, in the forms that `source.kind=records` knows; their answers are left out. Any other
    file has a prompt a line.

    Raises:
        UserError: no such place, a file that cannot be read, or no prompt in it.
    """
    dropped: Counter[str] = Counter()
    found: dict[tuple[object, ...], ReplayPrompt] = {}
    for where, row in _rows(place):
        try:
            prompt = _prompt(row, where, place, system)
        except _UnfitError as error:
            dropped[str(error)] += 1
            continue
        key = (prompt.system, prompt.questions, prompt.image)
        if key in found:
            dropped[TWICE] += 1
        found.setdefault(key, prompt)
    if not found:
        reasons = ", ".join(f"{reason} ({count})" for reason, count in sorted(dropped.items()))
        raise UserError(f"{place}: no prompt in it{reasons and f'; {reasons}'}")
    return FoundPrompts(tuple(sorted(found.values(), key=lambda prompt: _rank(prompt, seed))), dropped)


def _rank(prompt: ReplayPrompt, seed: int) -> int:
    image = "" if prompt.image is None else prompt.image.name
    return draw(seed, image, prompt.system, *prompt.questions)


def _rows(place: Path) -> Iterator[tuple[str, Any]]:
    """Yield the rows of a place, each with where it stands; lines of text become rows."""
    if place.is_dir():
        place = place / JSONL_FILES["train"]
        if not place.is_file():
            raise UserError(f"{place}: no such file: name a prepared data set, a text file or JSON lines")
    if not is_regular(place):
        raise UserError(f"{place}: no such file of prompts: a text file, JSON lines, or a data set's folder")
    if place.suffix == ".jsonl":
        for number, row in read_jsonl(place):
            yield f"{place.name}, line {number}", row
    elif place.suffix == ".json":
        rows = read_json(place)
        if not isinstance(rows, list):
            raise UserError(f"{place}: a list of conversations is needed")
        for number, row in enumerate(rows, start=1):
            yield f"{place.name}, item {number}", row
    else:
        for number, line in enumerate(_lines(place), start=1):
            if line.strip():
                row = {"messages": [{"role": "user", "content": line.strip()}], "images": []}
                yield f"{place.name}, line {number}", row


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: {find_encoding_problem(path) or error}") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error


def _prompt(row: Any, where: str, place: Path, system: str) -> ReplayPrompt:
    if not isinstance(row, dict):
        raise _UnfitError(NOT_TEXT)
    plain = as_messages(row)
    own_system, questions = _turns(plain)
    images = plain.get("images") or []
    if len(images) > 1:
        raise _UnfitError(SEVERAL_IMAGES)
    image = _image(images[0], place if place.is_dir() else place.parent) if images else None
    questions = _placed(questions, has_image=image is not None)
    about_boxes = place.is_dir() and asks_for_boxes(row)
    return ReplayPrompt(own_system or system, tuple(questions), image, about_boxes, where)


def _turns(row: dict[str, Any]) -> tuple[str, list[str]]:
    """Return the system message and the questions of a row, their placeholders filled."""
    messages = row.get("messages")
    try:
        turns = [(message["role"], message["content"]) for message in messages or ()]
        texts = fill_placeholders([text for _, text in turns], row.get("objects"))
    except (TypeError, KeyError, AttributeError, ValueError, OverflowError) as error:
        raise _UnfitError(NOT_TEXT) from error
    system = next((text for (role, _), text in zip(turns, texts, strict=True) if role == "system"), "")
    questions = [text for (role, _), text in zip(turns, texts, strict=True) if role == "user"]
    if not questions or not all(text.replace(IMAGE_PLACEHOLDER, "").strip() for text in questions):
        raise _UnfitError(NO_QUESTION)
    return system, questions


def _placed(questions: Sequence[str], *, has_image: bool) -> list[str]:
    """Return the questions, the image's placeholder in the first of them where there is an image."""
    first, *later = questions
    count = first.count(IMAGE_PLACEHOLDER)
    if has_image and not count and not any(IMAGE_PLACEHOLDER in text for text in later):
        first, count = IMAGE_PLACEHOLDER + first, 1  # other trainers put the image first without saying so
    if any(IMAGE_PLACEHOLDER in text for text in later) or (has_image and count != 1):
        raise _UnfitError(IMAGE_ELSEWHERE)
    bare = [first.replace(IMAGE_PLACEHOLDER, "", int(has_image)), *later]
    if any(mark in text for text in bare for mark in PICTURE_MARKUP):
        raise _UnfitError(IMAGE_MARKUP)
    return [first, *later]


def _image(name: Any, folder: Path) -> Path:
    path = name.get("path") if isinstance(name, dict) else name
    if not isinstance(path, str) or not path:
        raise _UnfitError(IMAGE_MISSING)
    if not lies_inside(folder / path, folder):
        raise _UnfitError(IMAGE_OUTSIDE)
    if not is_regular(folder / path):
        raise _UnfitError(IMAGE_MISSING)
    return folder / path
