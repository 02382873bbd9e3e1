"""What views do not go with, found before a model is loaded."""

import logging
from collections.abc import Sequence
from pathlib import Path

from grounding.card import load_card, trained_dataset
from grounding.errors import UserError
from grounding.views.view_settings import GLOBAL_AND_OBJECTS, GLOBAL_AND_TILES
from infer.asking.dataset_questions import Question
from infer.recipe import InferRecipe

log = logging.getLogger(__name__)


def check_views(recipe: InferRecipe, questions: Sequence[Question]) -> None:
    """Refuse views that cannot be added to questions, and keys that do not fit questions with views.

    Raises:
        UserError: there is such a question.
    """
    if any(question.shows_views for question in questions):
        _check_shown(recipe)
    elif recipe.has_views:
        _check_added(recipe, questions)


def warn_of_untrained_views(recipe: InferRecipe) -> None:
    """Say so if views are added for a model whose training data, where it can be found, has none."""
    if not recipe.has_views or not recipe.checkpoint:
        return
    trained = trained_dataset(Path(recipe.checkpoint).expanduser())
    if trained is not None and "views" not in load_card(trained).recipe:
        log.warning(
            "views=%s: %s was trained on %s, whose questions show no views: expect worse answers",
            recipe.views,
            recipe.checkpoint,
            trained,
        )


def _check_shown(recipe: InferRecipe) -> None:
    if recipe.has_views:
        raise UserError(f"views={recipe.views}: the data set's questions show views already: leave views out")
    if own := recipe.own_questions:
        key = own.partition("=")[0]
        raise UserError(
            f"{own}: it asks questions of its own, without the views that the data set's questions show: "
            f"leave {key} out"
        )
    if (
        recipe.candidates is not None
        and load_card(recipe.dataset_path).recipe.get("views") != GLOBAL_AND_TILES
    ):
        raise UserError(
            f"candidates={recipe.candidates}: the data set was prepared with views={GLOBAL_AND_OBJECTS}, and "
            "its pictures show the surroundings of its own candidates: leave candidates out, or name a data "
            f"set without views, and set views={GLOBAL_AND_OBJECTS} here"
        )


def _check_added(recipe: InferRecipe, questions: Sequence[Question]) -> None:
    if several := next((question for question in questions if question.is_about_several), None):
        raise UserError(
            f"views={recipe.views}: a question shows {len(several.pictures)} pictures, the first "
            f"{several.image}, and views are those of one picture: leave views out"
        )
    if recipe.views == GLOBAL_AND_OBJECTS and all(question.candidates is None for question in questions):
        raise UserError(
            f"views={GLOBAL_AND_OBJECTS}: it shows the surroundings of candidates, and no question has any: "
            "set candidates to the results of a detector, or views=global+tiles"
        )
