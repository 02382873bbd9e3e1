"""What the card of a data set promises about each of its records."""

from dataclasses import dataclass
from pathlib import Path

from grounding.card import CARD_FILE, Card, load_card
from grounding.prompts import EXPRESSION, load_wordings

VERBATIM_SOURCE = "records"
"""The source kind whose conversations `prepare` keeps word for word; it only rewrites their boxes."""


@dataclass(frozen=True)
class Contract:
    """What every record of a data set has to keep; None leaves it open.

    Conversations that were kept word for word (`is_verbatim`) have system prompts and answers of their own:
    training learns them, and inference asks each question with the system prompt of its record. Text without
    boxes is then right, too.
    """

    labels: frozenset[str] | None = None
    system_prompt: str | None = None
    answer_format: str | None = None
    is_verbatim: bool = False


def contract_of(card: Card) -> Contract:
    """Return what a card promises; with referring expressions or without categories, any label is right."""
    asks = {
        wording.name: wording.asks
        for family in load_wordings().values()
        for wordings in family.values()
        for wording in wordings
    }
    is_open = not card.categories or any(asks.get(name) == EXPRESSION for name in card.prompts)
    labels = None if is_open else frozenset(category.name for category in card.categories)
    if (card.recipe.get("source") or {}).get("kind") == VERBATIM_SOURCE:
        return Contract(labels, is_verbatim=True)
    return Contract(labels, card.system_prompt, card.answer_format)


def read_contract(folder: Path) -> Contract:
    """Return what the card of a folder promises; nothing if the folder has no card.

    Raises:
        UserError: the card cannot be read.
    """
    return contract_of(load_card(folder)) if (folder / CARD_FILE).is_file() else Contract()
