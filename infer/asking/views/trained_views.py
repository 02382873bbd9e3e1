"""The views that a model was trained with, for pictures that are in no data set."""

from dataclasses import fields

from grounding.card import Card
from grounding.views.view_settings import GLOBAL_AND_TILES, ViewSettings
from infer.asking.parsed_answers import WayOfAsking
from infer.asking.views.asking_with_views import AskWithViews


def with_trained_views(ask: WayOfAsking, card: Card | None) -> WayOfAsking:
    """Return a way of asking about one picture that shows the views of a data set's card, if it has any.

    Views of candidates are left out: a picture that is in no data set has none.
    """
    recipe = {} if card is None else card.recipe
    if recipe.get("views") != GLOBAL_AND_TILES:
        return ask
    keys = {field.name for field in fields(ViewSettings)} & recipe.keys()
    return AskWithViews(ask, ViewSettings(**{key: recipe[key] for key in keys}))
