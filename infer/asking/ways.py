"""How a question is asked: once as it stands, or in one of the ways that get more out of the same model.

The ways can be combined. They run in this order: `per_category` splits the question, `agree` draws
several answers to each, `zoom` asks again about parts of the image, `verify` asks back.
"""

from collections.abc import Sequence
from functools import partial

from grounding.card import load_card
from grounding.prompts import CATEGORY, EXPRESSION
from infer.asking.answered import Answered, Ask, Item, read_raw
from infer.asking.dataset_questions import Question
from infer.asking.per_category import ask_each_category
from infer.asking.verifying import ask_back
from infer.asking.voting import vote
from infer.asking.wordings import find_wording
from infer.asking.zoom import look_closer
from infer.engines.protocol import Engine
from infer.recipe import InferRecipe


def ask_batch(engine: Engine, questions: Sequence[Question], recipe: InferRecipe) -> list[Answered]:
    """Ask the questions of a batch, and return what was found for each, in their order.

    Raises:
        UserError: a way of asking that does not fit the data set.
    """
    ask: Ask = partial(ask_items, engine, batch_size=recipe.batch_size, score=recipe.score)
    once = ask
    items = [Item(question.request, question.size) for question in questions]
    if recipe.agree > 1:
        ask = partial(vote, ask, draws=recipe.agree)
    if recipe.per_category:
        card = load_card(recipe.dataset_path)
        wording = find_wording(card, CATEGORY, chosen=recipe.wordings)
        answered = ask_each_category(ask, items, card, wording)
    else:
        answered = ask(items)
    if recipe.zoom != "none":
        answered = look_closer(ask, items, answered, recipe.zoom)
    if recipe.verify != "none":
        card = load_card(recipe.dataset_path)
        wording = find_wording(card, EXPRESSION, CATEGORY, chosen=recipe.wordings)
        answered = ask_back(once, items, answered, wording, drops=recipe.verify == "drop")
    return answered


def ask_items(engine: Engine, items: Sequence[Item], *, batch_size: int, score: str) -> list[Answered]:
    """Ask each item once, `batch_size` at a time; `score` is that of the recipe."""
    found: list[Answered] = []
    for start in range(0, len(items), batch_size):
        batch = items[start : start + batch_size]
        answers = engine.answer([item.request for item in batch])
        found += [read_raw(answer, item.size, score) for answer, item in zip(answers, batch, strict=True)]
    return found
