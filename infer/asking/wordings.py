"""The wording of questions that the data set's records do not hold: in the words that the model knows."""

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from grounding.card import Card
from grounding.markup import IMAGE_PLACEHOLDER
from grounding.prompts import (
    CATEGORY,
    EXPRESSION,
    YES_NO,
    Wording,
    find_wordings,
    load_wordings,
    yes_no_wordings,
)
from infer.engines.protocol import Request

log = logging.getLogger(__name__)

_NUMBERED_PICTURES = re.compile(rf"(?:[^<\n]{{0,20}}{re.escape(IMAGE_PLACEHOLDER)}\s*)+")
"""Placeholders, each with a few words on its line, such as `Image 2: `."""

DEFAULT_FAMILIES = {CATEGORY: ("category", "qwen_category"), EXPRESSION: ("expression", "qwen_expression")}
"""What a question is about -> family of wordings for answers as objects, and for answers in JSON."""


def find_wording(card: Card, *asks: str, chosen: Sequence[Wording] = ()) -> Wording:
    """Return the wording in which to ask a model trained on this data set about a category or expression.

    `asks` are the kinds of wording that fit, the best kind first. The wordings that the user has `chosen`
    come first, then the card's, then the project's default, with a warning: the model may not know it.
    """
    return _first(chosen, asks) or _find(tuple(card.prompts), card.answer_format, asks)


def wordings_about(card: Card, kind: str) -> tuple[Wording, ...]:
    """Return the wordings of a data set that ask about one category or expression, or else the project's.

    Those of the project are all paraphrases of its default, in the data set's language.
    """
    names = tuple(card.prompts)
    if trained := tuple(wording for wording in _trained(names) if wording.asks == kind):
        return trained
    return find_wordings(DEFAULT_FAMILIES[kind][card.answer_format == "json"], _language(names))


def find_yes_no_wording(prompts: Iterable[str], *, states_box: bool) -> Wording:
    """Return the wording in which to ask a model whether a box is right.

    `prompts` are the names of the wordings that it was trained on. One of them is asked if it states the box,
    or does not, as is wanted; else the project's default, with a warning.
    """
    return _find_yes_no(tuple(prompts), states_box)


@lru_cache(maxsize=16)
def _find_yes_no(names: tuple[str, ...], states_box: bool) -> Wording:
    for wording in _trained(names):
        if wording.asks == YES_NO and wording.states_box == states_box:
            return wording
    default = yes_no_wordings(_language(names), states_box=states_box)[0]
    log.warning(
        "the data set has no question whether a box that %s is right: '%s' is asked, which the model may "
        "not know",
        "the text states" if states_box else "the picture shows",
        default.template,
    )
    return default


def _first(wordings: Sequence[Wording], asks: Sequence[str]) -> Wording | None:
    return next((wording for kind in asks for wording in wordings if wording.asks == kind), None)


@lru_cache(maxsize=16)
def _find(names: tuple[str, ...], answer_format: str, asks: tuple[str, ...]) -> Wording:
    if known := _first(_trained(names), asks):
        return known
    wording = find_wordings(DEFAULT_FAMILIES[asks[0]][answer_format == "json"], _language(names))[0]
    log.warning(
        "the data set has no question about one %s: '%s' is asked, which the model may not know",
        asks[0],
        wording.template,
    )
    return wording


def _trained(names: Sequence[str]) -> list[Wording]:
    by_name = {
        wording.name: wording
        for family in load_wordings().values()
        for wordings in family.values()
        for wording in wordings
    }
    return [by_name[name] for name in names if name in by_name]


def _language(names: Sequence[str]) -> str:
    return "zh" if any(".zh" in name for name in names) else "en"


def reworded(request: Request, wording: Wording, about: str) -> Request:
    """Return the request with another question about the same pictures: about this category or expression."""
    return replace(request, user=f"{_shown_pictures(request)}{wording.ask(about)}")


def _shown_pictures(request: Request) -> str:
    """Return the placeholders of a request's pictures, with the numbers before them if there are such."""
    if len(request.images) == 1:
        return IMAGE_PLACEHOLDER
    shown = _NUMBERED_PICTURES.match(request.user)
    if shown is not None and shown[0].count(IMAGE_PLACEHOLDER) == len(request.images):
        return shown[0]
    return IMAGE_PLACEHOLDER * len(request.images)
