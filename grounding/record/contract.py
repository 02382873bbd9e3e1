"""What the card of a data set promises about each of its records."""

from dataclasses import dataclass
from pathlib import Path

from grounding.card import CARD_FILE, Card, load_card
from grounding.prompts import EXPRESSION, RELATION, asks_for_phrases

REPLAY_SOURCE = "replay"
"""The source kind of `python -m prepare.replay`: prompts of any kind, and a model's own answers."""

VERBATIM_SOURCES = ("records", REPLAY_SOURCE)
"""The source kinds whose conversations stay word for word; `prepare` only rewrites the boxes of records."""


@dataclass(frozen=True)
class Contract:
    """What every record of a data set has to keep; None leaves it open.

    Conversations that were kept word for word (`is_verbatim`) have system prompts and answers of their own:
    training learns them, and inference asks each question with the system prompt of its record. Text without
    boxes is then right, too. `categories` are those of a data set that asks for computed phrases: all other
    labels are such phrases.
    """

    labels: frozenset[str] | None = None
    system_prompt: str | None = None
    answer_format: str | None = None
    is_verbatim: bool = False
    categories: frozenset[str] = frozenset()


def contract_of(card: Card) -> Contract:
    """Return what a card promises; with phrases or without categories, any label is right."""
    names = frozenset(category.name for category in card.categories)
    has_expressions = asks_for_phrases(card.prompts, EXPRESSION)
    is_open = not names or asks_for_phrases(card.prompts)
    labels = None if is_open else names
    if (card.recipe.get("source") or {}).get("kind") in VERBATIM_SOURCES:
        return Contract(labels, is_verbatim=True)
    categories = frozenset() if has_expressions or not asks_for_phrases(card.prompts, RELATION) else names
    return Contract(labels, card.system_prompt, card.answer_format, categories=categories)


def is_replay(card: Card) -> bool:
    """Tell whether a card is of a model's answers to prompts of any kind, which promise no wording."""
    return (card.recipe.get("source") or {}).get("kind") == REPLAY_SOURCE


def read_contract(folder: Path) -> Contract:
    """Return what the card of a folder promises; nothing if the folder has no card.

    Raises:
        UserError: the card cannot be read.
    """
    return contract_of(load_card(folder)) if (folder / CARD_FILE).is_file() else Contract()
