"""How a batch of questions is asked: once, or in ways that get more out of the same model.

The ways can be combined. `per_category` splits the question, `agree` samples several answers per question,
`zoom` asks again about crops of the image, and `verify` asks back for what was found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grounding.card import load_card
from grounding.prompts import CATEGORY, EXPRESSION
from infer.asking.answer_units import ScaleOf, choose_scale, on_the_grid
from infer.asking.dataset_questions import Question
from infer.asking.parsed_answers import ParsedAnswer, SizedRequest, WayOfAsking, parse_raw_answer
from infer.asking.per_category import AskPerCategory
from infer.asking.verifying import AskAndVerify
from infer.asking.voting import AskAndVote
from infer.asking.wordings import find_wording
from infer.asking.zoom import AskCloser
from infer.engines.protocol import Engine
from infer.recipe import InferRecipe


@dataclass(frozen=True)
class AskOnce:
    """Asks the engine each request once, `batch_size` at a time; `score` is the recipe's key.

    `scale_of` tells the scale of the coordinates in an answer, `thinks` whether requests ask for thoughts.
    """

    engine: Engine
    batch_size: int
    score: str
    scale_of: ScaleOf = on_the_grid
    thinks: bool = False

    def __call__(self, requests: Sequence[SizedRequest]) -> list[ParsedAnswer]:
        """Ask and parse, batch after batch.

        Requests about one image go together: an engine can read it once for all of them.
        """
        firsts: dict[Path, int] = {}
        for number, item in enumerate(requests):
            firsts.setdefault(item.request.image, number)
        order = sorted(range(len(requests)), key=lambda number: firsts[requests[number].request.image])
        parsed: dict[int, ParsedAnswer] = {}
        for start in range(0, len(order), self.batch_size):
            batch = order[start : start + self.batch_size]
            answers = self.engine.answer([requests[number].request for number in batch])
            for number, answer in zip(batch, answers, strict=True):
                size = requests[number].size
                scale = self.scale_of(size)
                parsed[number] = parse_raw_answer(answer, size, self.score, scale, thinks=self.thinks)
        return [parsed[number] for number in range(len(requests))]


def ask_batch(engine: Engine, questions: Sequence[Question], recipe: InferRecipe) -> list[ParsedAnswer]:
    """Ask the questions of a batch in the recipe's way, and return an answer for each, in their order.

    Raises:
        UserError: a way of asking that does not fit the data set.
    """
    ask = choose_way(engine, recipe)
    return ask([SizedRequest(question.request, question.size) for question in questions])


def choose_way(engine: Engine, recipe: InferRecipe) -> WayOfAsking:
    """Return the way of asking that the recipe's keys describe.

    Raises:
        UserError: a way of asking that does not fit the data set.
    """
    once = AskOnce(engine, recipe.batch_size, recipe.score, choose_scale(recipe), recipe.thinks)
    sampled: WayOfAsking = AskAndVote(once, recipe.agree) if recipe.agree > 1 else once
    ask = sampled
    if recipe.per_category:
        card = load_card(recipe.dataset_path)
        ask = AskPerCategory(ask, card, find_wording(card, CATEGORY, chosen=recipe.wordings))
    if recipe.zoom != "none":
        ask = AskCloser(ask, sampled, recipe.zoom)
    if recipe.verify != "none":
        card = load_card(recipe.dataset_path)
        wording = find_wording(card, EXPRESSION, CATEGORY, chosen=recipe.wordings)
        ask = AskAndVerify(ask, once, wording, drops=recipe.verify == "drop")
    return ask
