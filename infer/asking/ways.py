"""How a batch of questions is asked: once, or in ways that get more out of the same model.

The ways can be combined. `per_category` splits the question, `agree` samples several answers per question,
`recall` keeps what any of several answers holds, `zoom` asks again about crops of the image, `verify` asks
back for what was found, and `score=yes_no` asks whether the boxes that are left are right. Questions for
words about a region are asked once, in none of these ways.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from grounding.card import load_card
from grounding.prompts import CATEGORY, EXPRESSION, RELATION
from infer.asking.answer_units import ScaleOf, choose_scale, on_the_grid
from infer.asking.dataset_questions import Question
from infer.asking.merged_answers import merge_repeats
from infer.asking.parsed_answers import ParsedAnswer, SizedRequest, WayOfAsking, parse_raw_answer
from infer.asking.per_category import AskPerCategory
from infer.asking.recalling import AskForMore
from infer.asking.verifying import AskAndVerify
from infer.asking.views.asking_with_views import AskWithViews
from infer.asking.views.view_checks import check_views
from infer.asking.voting import AskAndVote
from infer.asking.wordings import find_wording
from infer.asking.words.asking_for_words import ask_for_words
from infer.asking.yes_no.choosing_form import first_score, with_yes_no
from infer.asking.zoom import AskCloser
from infer.confidence.box_features import ALTERNATIVES
from infer.confidence.calibration import BeingFitted, Calibration
from infer.engines.protocol import Engine
from infer.engines.settings import CALIBRATED
from infer.recipe import HIGH_RECALL, InferRecipe


@dataclass(frozen=True)
class AskOnce:
    """Asks the engine each request once, `batch_size` at a time; `score` is the recipe's key.

    `scale_of` tells the scale of the coordinates in an answer, `thinks` whether requests ask for thoughts.
    score=calibrated needs a `calibration`.
    """

    engine: Engine
    batch_size: int
    score: str
    scale_of: ScaleOf = on_the_grid
    thinks: bool = False
    calibration: Calibration | BeingFitted | None = None

    def __call__(self, requests: Sequence[SizedRequest]) -> list[ParsedAnswer]:
        """Ask and parse, batch after batch.

        Requests about one image go together: an engine can read it once for all of them.
        """
        alternatives = ALTERNATIVES if self.score == CALIBRATED else 0
        asked = [
            replace(item.request, alternatives=max(alternatives, item.request.alternatives))
            for item in requests
        ]
        by_image: dict[tuple[Path, ...], list[int]] = {}
        for number, request in enumerate(asked):
            by_image.setdefault(request.images, []).append(number)
        order = [number for numbers in by_image.values() for number in numbers]
        parsed: dict[int, ParsedAnswer] = {}
        for start in range(0, len(order), self.batch_size):
            batch = order[start : start + self.batch_size]
            answers = self.engine.answer([asked[number] for number in batch])
            for number, answer in zip(batch, answers, strict=True):
                pictures = requests[number].asked
                found = parse_raw_answer(
                    answer,
                    pictures,
                    self.score,
                    [self.scale_of(size) for size in pictures.sizes],
                    thinks=self.thinks,
                    calibration=self.calibration,
                )
                parsed[number] = merge_repeats(found) if requests[number].shows_views else found
        return [parsed[number] for number in range(len(requests))]


def ask_batch(
    engine: Engine,
    questions: Sequence[Question],
    recipe: InferRecipe,
    calibration: Calibration | BeingFitted | None = None,
) -> list[ParsedAnswer]:
    """Ask the questions of a batch in the recipe's way, and return an answer for each, in their order.

    Raises:
        UserError: a way of asking that does not fit the data set.
    """
    about_boxes = [number for number, question in enumerate(questions) if question.region is None]
    for_words = [number for number, question in enumerate(questions) if question.region is not None]
    answers: dict[int, ParsedAnswer] = {}
    if about_boxes or not for_words:
        ask = choose_way(engine, recipe, calibration)
        check_views(recipe, [questions[number] for number in about_boxes])
        sized = [SizedRequest(questions[number].request, questions[number].asked) for number in about_boxes]
        answers |= zip(about_boxes, ask(sized), strict=True)
    if for_words:
        requests = [questions[number].request for number in for_words]
        words = ask_for_words(engine, requests, recipe.batch_size, thinks=recipe.thinks)
        answers |= zip(for_words, words, strict=True)
    return [answers[number] for number in range(len(questions))]


def choose_way(
    engine: Engine, recipe: InferRecipe, calibration: Calibration | BeingFitted | None = None
) -> WayOfAsking:
    """Return the way of asking that the recipe's keys describe; score=calibrated needs a `calibration`.

    Raises:
        UserError: a way of asking that does not fit the data set.
    """
    scale_of = choose_scale(recipe)
    once = AskOnce(engine, recipe.batch_size, first_score(recipe), scale_of, recipe.thinks, calibration)
    ask = sampled = _sampled(once, recipe)
    if recipe.per_category:
        card = load_card(recipe.dataset_path)
        ask = AskPerCategory(ask, card, find_wording(card, CATEGORY, chosen=recipe.wordings))
    if recipe.zoom != "none":
        ask = AskCloser(ask, sampled, recipe.zoom)
    if recipe.verify != "none":
        card = load_card(recipe.dataset_path)
        wording = find_wording(card, EXPRESSION, CATEGORY, RELATION, chosen=recipe.wordings)
        ask = AskAndVerify(ask, once, wording, drops=recipe.verify == "drop")
    if recipe.has_views:
        ask = AskWithViews(ask, recipe)
    if recipe.score == "yes_no":
        ask = with_yes_no(ask, engine, recipe, load_card(recipe.dataset_path))
    return ask


def _sampled(once: AskOnce, recipe: InferRecipe) -> WayOfAsking:
    """Return the way in which a question gets several answers, `once` where it gets one."""
    if recipe.agree > 1:
        return AskAndVote(once, recipe.agree)
    if recipe.recall == HIGH_RECALL:
        made = once.calibration if isinstance(once.calibration, Calibration) else None
        # The features of boxes are kept until answers are merged.
        keeping = once if made is None else replace(once, calibration=BeingFitted(made.names))
        has_scores = recipe.score != "none"
        return AskForMore(keeping, recipe.recall_answers, recipe.recall_temperature, has_scores, made)
    return once
