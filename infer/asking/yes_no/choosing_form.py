"""From settings and a data set's card to the way of asking whether boxes are right."""

import logging
from functools import lru_cache

from grounding.card import Card
from grounding.yes_no.shown_box import SHOWS, TEXT
from infer.asking.parsed_answers import WayOfAsking
from infer.asking.wordings import find_yes_no_wording
from infer.asking.yes_no.asking_back import AskWhetherRight
from infer.asking.yes_no.box_requests import BoxQuestionForm
from infer.asking.yes_no.doubt_band import DoubtBand
from infer.engines.protocol import Engine
from infer.engines.settings import EngineSettings
from infer.engines.yes_no_settings import SHOWN_BY_DEFAULT

log = logging.getLogger(__name__)


def first_score(settings: EngineSettings) -> str:
    """Return how the boxes of first answers are scored: yes_no decides by mean_logprob which are doubtful."""
    return "mean_logprob" if settings.score == "yes_no" else settings.score


def with_yes_no(
    ask: WayOfAsking, engine: Engine, settings: EngineSettings, card: Card | None
) -> AskWhetherRight:
    """Return the way that asks by `ask`, and then about the boxes; `card` is the data set's, if known."""
    band = DoubtBand(settings.yes_no.low, settings.yes_no.high)
    form = choose_form(card, settings.yes_no.show)
    return AskWhetherRight(ask, engine, form, band, settings.batch_size)


def choose_form(card: Card | None, show: str | None) -> BoxQuestionForm:
    """Return how to ask about boxes: as the settings say, else as the data set trained it.

    Another way than the trained one comes with a warning.
    """
    trained = None if card is None else trained_show(card)
    chosen = show or trained or SHOWN_BY_DEFAULT
    if trained not in (None, chosen):
        _warn_of_other_way(chosen, str(trained))
    names = () if card is None else tuple(card.prompts)
    wording = find_yes_no_wording(names, states_box=chosen == TEXT)
    return BoxQuestionForm(wording, chosen, "objects" if card is None else card.answer_format)


def trained_show(card: Card) -> str | None:
    """Return how the data set's yes/no questions show a box, None if it has none."""
    settings = card.recipe.get("yes_no")
    show = settings.get("show") if isinstance(settings, dict) else None
    return show if show in SHOWS else None


@lru_cache(maxsize=8)
def _warn_of_other_way(chosen: str, trained: str) -> None:
    """Warn once: the form is chosen anew for every batch."""
    log.warning("yes_no.show=%s: the data set trained yes/no questions with %s", chosen, trained)
