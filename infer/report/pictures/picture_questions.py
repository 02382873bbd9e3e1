"""The questions about a picture that is in no data set: those that the model was trained on."""

from collections.abc import Sequence
from pathlib import Path

from grounding.boxes import Size
from grounding.card import Card
from grounding.errors import UserError
from grounding.markup import IMAGE_PLACEHOLDER
from grounding.prompts import CATEGORIES, CATEGORY, IMAGE, NO_PROMPTS, Wording, kind_of_text
from infer.asking.dataset_questions import Question
from infer.engines.protocol import Request

ORDER = (IMAGE, CATEGORIES, CATEGORY)
"""A question about the whole picture is preferred to one for each category."""


def picture_wording(card: Card, dataset: Path) -> Wording:
    """Return the wording on the card in which to ask about a picture.

    Raises:
        UserError: the card asks for expressions alone, which a picture does not tell, or names no question.
    """
    named = [
        Wording(name, kind_of_text(text), text)
        for name, text in card.prompts.items()
        if name.partition(".")[0] not in NO_PROMPTS
    ]
    for kind in ORDER:
        if found := next((wording for wording in named if wording.asks == kind), None):
            return found
    raise UserError(
        f"{dataset}: its card has no question that a picture alone can be asked, for objects or categories: "
        "inspect a run of `python -m infer`, or take another data set"
    )


def questions_about(path: Path, name: str, size: Size, card: Card, wording: Wording) -> Sequence[Question]:
    """Return one question about everything, or one for each category, as the wording asks."""
    names = [category.name for category in card.categories]
    subjects = names if wording.asks == CATEGORY else [", ".join(names)]
    return [
        Question.of_one(0, name, size, Request((path,), card.system_prompt, f"{IMAGE_PLACEHOLDER}{text}"))
        for text in map(wording.ask, subjects)
    ]
