"""Checks of the data set: every record's placeholders and images, and the card against the records."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from grounding.card import CARD_FILE, Card, load_card
from grounding.errors import UserError
from grounding.files import read_jsonl
from grounding.prompts import IMAGE_PLACEHOLDER
from train.recipe import SPLITS, TrainRecipe

PLACEHOLDERS = {"<ref-object>": "ref", "<bbox>": "bbox"}
"""What PaddleFormers replaces by a name or a box, and where in a record's `objects` they are."""


def records(recipe: TrainRecipe) -> Iterator[str]:
    """Every record has to say what its placeholders stand for: PaddleFormers trains on the rest as text."""
    for split in SPLITS:
        name = f"{split}_dataset_path"
        for file in recipe.data_files(split):
            if not file.is_file():
                continue  # the check of the files says so
            try:
                yield from (f"{name}: {problem}" for problem in file_problems(file))
            except UserError as error:
                yield f"{name}: {error}"


def cards(recipe: TrainRecipe) -> Iterator[str]:
    """The questions at evaluation are those of the card: training and validation need the same."""
    found: dict[Path, Card] = {}
    for split in SPLITS:
        for folder in dict.fromkeys(file.parent for file in recipe.data_files(split)):
            if folder not in found and (folder / CARD_FILE).is_file():
                try:
                    found[folder] = load_card(folder)
                except UserError as error:
                    yield f"{split}_dataset_path: {error}"
    first = next(iter(found.items()), None)
    for folder, card in found.items():
        for part in ("system_prompt", "answer_format"):
            if first and getattr(card, part) != getattr(first[1], part):
                yield (
                    f"{folder / CARD_FILE}: its {part} '{getattr(card, part)}' is not the "
                    f"'{getattr(first[1], part)}' of {first[0] / CARD_FILE}: prepare both alike"
                )


def file_problems(file: Path) -> Iterator[str]:
    """Yield each kind of problem in a JSONL file once: its first line, and how many lines have it.

    Raises:
        UserError: a line is not JSON, or the card beside the file is not readable.
    """
    card = load_card(file.parent) if (file.parent / CARD_FILE).is_file() else None
    seen: dict[str, list[tuple[int, str]]] = {}
    count = 0
    for number, row in tqdm(
        read_jsonl(file), desc=f"reading {file.name}", unit="record", delay=2, disable=None
    ):
        count += 1
        found = [*row_problems(row, file.parent), *(card_problems(row, card) if card else ())]
        for kind, problem in found:
            seen.setdefault(kind, []).append((number, problem))
    if count == 0:
        yield f"{file} has no records"
    for (first, text), *others in seen.values():
        more = f" (and {len(others)} more lines like it)" if others else ""
        yield f"{file}, line {first}: {text}{more}: prepare the data set again"
    split = file.stem
    if card is not None and split in card.counts:
        said = card.counts[split].get("records", card.counts[split].get("images", count))
        if said != count:
            yield f"{file} has {count} records and its card says {said}: prepare the data set again"


def row_problems(row: dict[str, Any], folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the kind and the text of what PaddleFormers would drop, or train on as it is, in silence."""
    messages = row.get("messages")
    if not isinstance(messages, list) or not all(
        isinstance(turn, dict) and isinstance(turn.get("content"), str) for turn in messages
    ):
        yield "messages", "messages is not a list of turns with a text content"
        return
    if not any(turn.get("role") == "assistant" for turn in messages):
        yield "answer", "no message of the role assistant: there is nothing to learn"
    text = "".join(turn["content"] for turn in messages)
    images = row.get("images") or []
    if text.count(IMAGE_PLACEHOLDER) != len(images):
        yield "image", f"{text.count(IMAGE_PLACEHOLDER)} {IMAGE_PLACEHOLDER} for {len(images)} images"
    objects = row.get("objects") or {}
    for placeholder, key in PLACEHOLDERS.items():
        values = objects.get(key) or []
        if text.count(placeholder) != len(values):
            yield key, f"{text.count(placeholder)} {placeholder} for {len(values)} in objects.{key}"
    for image in images:
        if "://" not in str(image) and not (folder / str(image)).is_file():
            yield "file", f"no such image '{image}'"


def card_problems(row: dict[str, Any], card: Card) -> Iterator[tuple[str, str]]:
    """Yield the kind and the text of what a record says otherwise than its card."""
    if (card.recipe.get("source") or {}).get("kind") == "records":
        return  # conversations that are kept word for word
    turns = [turn for turn in row.get("messages") or [] if isinstance(turn, dict)]
    said = next((str(turn.get("content")) for turn in turns if turn.get("role") == "system"), "")
    if said != card.system_prompt:
        yield "system", f"the system prompt '{said}' is not the card's '{card.system_prompt}'"
    if card.answer_format != "objects" and (row.get("objects") or {}).get("bbox"):
        yield "format", f"has objects, and the card says that answers are '{card.answer_format}'"
