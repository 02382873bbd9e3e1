"""Prompts at which a tuned model is compared with its base; general ones are read from a JSONL file."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import is_regular, lies_inside, read_jsonl
from grounding.markup import IMAGE_PLACEHOLDER
from grounding.record.filling import fill_placeholders

ROLES = ("user", "assistant")


@dataclass(frozen=True)
class KeepPrompt:
    """Chat messages to be answered, their pictures in order, and the base's answer if it is known.

    A user message with a picture is a list of parts.
    """

    messages: tuple[Mapping[str, Any], ...]
    images: tuple[Path, ...]
    answer: str | None = None

    @property
    def fingerprint(self) -> str:
        """A hash of the messages and of the pictures' content."""
        digest = hashlib.sha256(repr(self.messages).encode())
        for image in self.images:
            digest.update(image.read_bytes())
        return digest.hexdigest()


def read_keep_prompts(file: Path, limit: int) -> list[KeepPrompt]:
    """Read the first `limit` records of a file; the last message of each is the base model's answer.

    Raises:
        UserError: no such file, no record, or a record that is no conversation whose user messages have a
            place for each of its pictures.
    """
    if not file.is_file():
        raise UserError(f"{file}: no such file: make it with `python -m prepare.replay`")
    prompts: list[KeepPrompt] = []
    for line, row in read_jsonl(file):
        if len(prompts) == limit:
            break
        try:
            prompts.append(_read_row(row, file.parent))
        except ValueError as error:
            raise UserError(f"{file}, line {line}: {error}") from error
    if not prompts:
        raise UserError(f"{file}: no record in it")
    return prompts


def spread_prompts(counts: Mapping[str, int], most: int) -> list[tuple[str, int]]:
    """Return which prompts of sets are compared: set and place of at most `most`, set after set.

    Each set gives its first ones, and as many as every other that has so many.
    """
    taken = dict.fromkeys(counts, 0)
    while sum(taken.values()) < most and taken != dict(counts):
        for name, count in counts.items():
            if taken[name] < count and sum(taken.values()) < most:
                taken[name] += 1
    return [(name, place) for name, number in taken.items() for place in range(number)]


def _read_row(row: Mapping[str, Any], folder: Path) -> KeepPrompt:
    messages = row.get("messages")
    if not isinstance(messages, list) or not all(
        isinstance(one, Mapping) and isinstance(one.get("content"), str) for one in messages
    ):
        raise ValueError("`messages` must be a list of messages with a text each")
    roles = [one.get("role") for one in messages]
    turns = roles[1:] if roles[:1] == ["system"] else roles
    if not turns or turns != list(ROLES) * (len(turns) // len(ROLES)):
        raise ValueError(f"its roles are {', '.join(map(str, roles))}: user and assistant must take turns")
    try:
        texts = fill_placeholders([one["content"] for one in messages], row.get("objects"))
    except (TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"`objects` do not fit its messages ({error})") from error
    if not texts[-1].strip():
        raise ValueError("its last answer is empty: leave the record out")
    images = _pictures(row.get("images"), folder)
    *asked, answer = zip(roles, texts, strict=True)
    _check_places(asked, len(images))
    prompt = [{"role": role, "content": _parts(text)} for role, text in asked]
    return KeepPrompt(tuple(prompt), images, answer[1])


def _pictures(images: Any, folder: Path) -> tuple[Path, ...]:
    if not images:
        return ()
    if not isinstance(images, list) or not all(isinstance(image, str) for image in images):
        raise ValueError("`images` must be a list of paths, or be left out")
    paths = tuple(folder / image for image in images)
    for image, path in zip(images, paths, strict=True):
        if not lies_inside(path, folder):
            raise ValueError(f"{image} lies outside the file's folder")
        if not is_regular(path):
            raise ValueError(f"no image {path}")
    return paths


def _check_places(asked: list[tuple[Any, str]], pictures: int) -> None:
    found = sum(text.count(IMAGE_PLACEHOLDER) for _, text in asked)
    elsewhere = [role for role, text in asked if role != ROLES[0] and IMAGE_PLACEHOLDER in text]
    if found != pictures or elsewhere:
        given = "1 picture" if pictures == 1 else f"{pictures} pictures"
        raise ValueError(
            f"{found} {IMAGE_PLACEHOLDER} and {given}: a user message must have a place for each"
        )


def _parts(text: str) -> str | list[dict[str, str]]:
    """Return a message as a chat template takes it: a list of parts where a picture is in it."""
    if IMAGE_PLACEHOLDER not in text:
        return text
    first, *others = ({"type": "text", "text": part} for part in text.split(IMAGE_PLACEHOLDER))
    parts = [first, *(part for behind in others for part in ({"type": "image"}, behind))]
    return [part for part in parts if part.get("text") != ""]
