"""The wordings of the app's questions: those that the model was trained on, if its data set is found."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grounding.card import Card, load_card, trained_dataset
from grounding.categories import COCO_CATEGORIES
from grounding.prompts import (
    CANDIDATES,
    CATEGORIES,
    CATEGORY,
    IMAGE,
    NO_PROMPTS,
    PHRASES,
    SYSTEM_PROMPT,
    Wording,
    find_wordings,
    kind_of_text,
)

QWEN_EVERYTHING, QWEN_PHRASE = "qwen_detection", "qwen_expression"
PLAIN_EVERYTHING, PLAIN_PHRASE = "categories", "expression"
"""Families of wordings.yaml for models whose questions are not known; Qwen's own are answered in JSON."""


@dataclass(frozen=True)
class Wordings:
    """The system message, and the wordings that ask for everything and for a phrase, preferred ones first.

    `knows_everything` and `knows_phrases` tell whether the model was trained on such questions, and
    `knows_candidates` whether some listed the boxes of a detector. `dataset` is the data set whose card lists
    them, or None.
    """

    system: str
    everything: tuple[Wording, ...]
    phrase: tuple[Wording, ...]
    categories: tuple[str, ...]
    knows_everything: bool = False
    knows_phrases: bool = False
    dataset: Path | None = None
    knows_candidates: bool = False

    def ask_everything(self) -> str:
        """Return the question that asks for every object in the image."""
        wording = self.everything[0]
        return wording.ask(", ".join(self.categories) if wording.asks == CATEGORIES else "")

    def ask_phrase(self, phrase: str, instead_of: str | None = None) -> str:
        """Return the question that asks for a phrase, in the language of the phrase if there is a choice.

        `instead_of` is an earlier question; another wording is used if there is one.
        """
        language = "zh" if any("\u4e00" <= letter <= "\u9fff" for letter in phrase) else "en"
        kinds = (CATEGORY,) if phrase in self.categories else PHRASES
        # Sorting is stable: equally good wordings keep their order.
        ranked = sorted(
            self.phrase, key=lambda wording: (f".{language}" not in wording.name, _place(wording.asks, kinds))
        )
        questions = [wording.ask(phrase) for wording in ranked]
        return next((question for question in questions if question != instead_of), questions[0])


def find_dataset(checkpoint: Path | None, dataset: Path | None) -> Path | None:
    """Return the data set given, or the one that a checkpoint's training recipe names if it is still there.

    The recipe lies in the checkpoint's folder, or in the folder above an exported model.
    """
    if dataset is not None or checkpoint is None:
        return dataset
    return trained_dataset(checkpoint)


def choose_wordings(dataset: Path | None) -> Wordings:
    """Return the wordings on a data set's card, with default wordings for questions that it does not have.

    Raises:
        UserError: the folder is not a prepared data set.
    """
    if dataset is None:
        names = tuple(category.name for category in COCO_CATEGORIES)
        return Wordings(SYSTEM_PROMPT, _default(QWEN_EVERYTHING), _default(QWEN_PHRASE), names)
    card = load_card(dataset)
    trained = _trained(card)
    everything = tuple(wording for wording in trained if wording.asks in (IMAGE, CATEGORIES))
    phrase = tuple(wording for wording in trained if wording.names_one)
    is_json = card.answer_format == "json"
    names = tuple(category.name for category in card.categories)
    return Wordings(
        card.system_prompt,
        everything or _default(QWEN_EVERYTHING if is_json else PLAIN_EVERYTHING),
        phrase or _default(QWEN_PHRASE if is_json else PLAIN_PHRASE),
        names,
        bool(everything),
        bool(phrase),
        dataset,
        any(name.partition(".")[0] == CANDIDATES for name in card.prompts),
    )


def _trained(card: Card) -> list[Wording]:
    """Return the wordings on a card; the placeholder in a text tells what the wording asks for."""
    return [
        Wording(name, kind_of_text(text), text)
        for name, text in card.prompts.items()
        if name.partition(".")[0] not in NO_PROMPTS
    ]


def _place(kind: str, preferred: Sequence[str]) -> int:
    return preferred.index(kind) if kind in preferred else len(preferred)


def _default(family: str) -> tuple[Wording, ...]:
    return find_wordings(family, "any")
