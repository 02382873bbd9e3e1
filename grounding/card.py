"""card.json: what a prepared data set tells training, inference and scoring about itself."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from grounding.answers.forms import ANSWER_FORMATS
from grounding.boxes import GRID
from grounding.categories import Category
from grounding.errors import UserError
from grounding.files import check_types, read_json, write_json
from grounding.layout import dataset_of_checkpoint

CARD_FILE = "card.json"
CARD_VERSION = 2


@dataclass(frozen=True)
class Card:
    """The prompts and answers of a data set, and what it was made from.

    `prompts` are the wordings by name, as in grounding/wordings.yaml; each record holds its own question,
    made from one of them. `recipe` is the resolved prepare recipe. `source_fingerprint` changes when the
    source's files change. `counts` has images and boxes per split; `dropped` has the number of pieces that
    were left out, by reason.
    """

    system_prompt: str
    prompts: dict[str, str]
    answer_format: str
    categories: tuple[Category, ...]
    source_fingerprint: str
    recipe: dict[str, Any]
    counts: dict[str, dict[str, int]]
    dropped: dict[str, int] = field(default_factory=dict)
    grid: int = GRID
    version: int = CARD_VERSION


class _Category(TypedDict):
    id: int
    name: str


class _Recipe(TypedDict, total=False):
    source: dict[str, Any]


class _Content(TypedDict, total=False):
    """What card.json holds; a card can come from a stranger."""

    system_prompt: str
    prompts: dict[str, str]
    answer_format: str
    categories: list[_Category]
    source_fingerprint: str
    recipe: _Recipe
    counts: dict[str, dict[str, int]]
    dropped: dict[str, int]
    grid: int
    version: int


def save_card(card: Card, dataset: Path) -> None:
    """Write the card into a data set's folder."""
    write_json(dataset / CARD_FILE, dataclasses.asdict(card))


def trained_dataset(checkpoint: Path) -> Path | None:
    """Return the data set that a checkpoint was trained on, None where it is unknown or its card is gone."""
    found = dataset_of_checkpoint(checkpoint)
    return found if found is not None and (found / CARD_FILE).is_file() else None


def load_card(dataset: Path) -> Card:
    """Read the card of a data set's folder.

    Raises:
        UserError: there is no card, or this version cannot read it.
    """
    path = dataset / CARD_FILE
    if not path.is_file():
        raise UserError(
            f"{path}: no such file: '{dataset}' is not a prepared data set, run `python -m prepare` first"
        )
    try:
        content = read_json(path)
        check_types(content, _Content)
        if content["version"] == 1:  # one question for all images
            content |= {"prompts": {"task.en1": content.pop("question")}, "version": CARD_VERSION}
        categories = tuple(Category(**category) for category in content.pop("categories"))
        card = Card(categories=categories, **content)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path}: not a data set card ({error}): prepare the data set again") from error
    if card.version != CARD_VERSION or card.grid != GRID or card.answer_format not in ANSWER_FORMATS:
        raise UserError(
            f"{path}: version {card.version}, grid {card.grid}, answers as '{card.answer_format}' are not "
            "what this version of the project reads: prepare the data set again"
        )
    return card
