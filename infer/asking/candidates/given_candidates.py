"""The candidates of a run's questions: those of the records, none, or those of a file."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from grounding.candidates.candidate_settings import trained_candidates
from grounding.candidates.detector_results import DetectorResults
from grounding.candidates.listing import ListingRules
from grounding.candidates.results_file import read_detector_results
from grounding.card import Card, load_card
from grounding.errors import UserError
from grounding.markup import IMAGE_PLACEHOLDER
from grounding.prompts import CANDIDATES, LANGUAGES, Wording, candidate_wordings
from infer.asking.dataset_questions import Question
from infer.recipe import NO_CANDIDATES, InferRecipe

log = logging.getLogger(__name__)


def with_given_candidates(questions: Sequence[Question], recipe: InferRecipe) -> list[Question]:
    """Return the questions with the candidates that the recipe says.

    Raises:
        UserError: a file that cannot be used, or a way of asking that knows no candidates.
    """
    if recipe.candidates is None:
        made = list(questions)
    elif recipe.candidates == NO_CANDIDATES:
        made = [without_candidates(question) for question in questions]
    else:
        made = _from_file([without_candidates(question) for question in questions], recipe)
    if any(question.candidates is not None for question in made):
        _check_ways(recipe)
    return made


def without_candidates(question: Question) -> Question:
    """Return a question as it is asked without candidates.

    Raises:
        UserError: its text does not list those of its mark.
    """
    if question.candidates is None:
        return question
    user = question.candidates.without(question.request.user)
    if user is None:
        raise UserError(
            f"{question.image}: its question does not list the candidates of its record: prepare the data "
            "set again"
        )
    return replace(question, request=replace(question.request, user=user, candidates=0), candidates=None)


def _from_file(questions: Sequence[Question], recipe: InferRecipe) -> list[Question]:
    card = load_card(recipe.dataset_path)
    settings = trained_candidates(card.recipe)
    path = Path(str(recipe.candidates)).expanduser()
    results = read_detector_results([path], card.categories, settings.ids, settings.min_score)
    rules = ListingRules(
        int(card.recipe.get("seed", 0)),
        _wordings_of(card),
        settings.most,
        settings.labels,
        settings.scores,
        settings.shuffle,
    )
    made = [_listed(question, results, rules, card.answer_format) for question in questions]
    results.check_boxes()
    found = sum(question.candidates is not None for question in made)
    if not found:
        raise UserError(
            f"candidates: {path} has no usable box for any of {len(made)} questions (the first is about "
            f"{questions[0].image}, the file's first image is {results.first_image}): give the results for "
            "these images"
        )
    log.info("%s: candidates for %d of %d questions", path, found, len(made))
    for fault, number in sorted(results.faults.items()):
        log.info("%s: %d times left out: %s", path, number, fault)
    return made


def _listed(
    question: Question, results: DetectorResults, rules: ListingRules, answer_format: str
) -> Question:
    if question.is_about_several:
        return question  # candidates are boxes of one picture
    digits = Path(question.image).stem
    image_id = int(digits) if digits.isascii() and digits.isdecimal() else None
    names = [name for name in (question.source, question.image) if name]
    found = results.of(question.size, image_id, *names) or ()
    user = question.request.user
    alone = user if question.introduced is None else question.introduced.without(user)
    text = alone.replace(IMAGE_PLACEHOLDER, "")
    listed = rules.make_list(rules.choose(found, question.size), question.image, text)
    if listed is None:
        return question
    request = replace(question.request, user=listed.add_to(user, answer_format), candidates=len(listed.items))
    return replace(question, request=request, candidates=listed)


def _wordings_of(card: Card) -> tuple[Wording, ...]:
    """Return the texts that introduce candidates: those of the card, else all of its language."""
    languages = [name for name in LANGUAGES if any(f".{name}" in prompt for prompt in card.prompts)]
    every = candidate_wordings(languages[0] if len(languages) == 1 else "any")
    trained = tuple(wording for wording in every if wording.name in card.prompts)
    if not trained:
        log.warning("the data set has no questions with %s: the model may not know them", CANDIDATES)
    return trained or every


def _check_ways(recipe: InferRecipe) -> None:
    """Refuse ways of asking that would ask about candidates which their questions do not list.

    Raises:
        UserError: such a way.
    """
    ways = {"per_category": recipe.per_category, f"zoom={recipe.zoom}": recipe.zoom != "none"}
    for name, is_asked in ways.items():
        if is_asked:
            raise UserError(f"{name}: its questions list no candidates: set candidates=none")
