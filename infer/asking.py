"""How a question is asked: once, as it stands."""

from collections.abc import Sequence

from infer.engine import Engine
from infer.questions import Question
from infer.reading import Answered, read_raw
from infer.recipe import InferRecipe


def ask_batch(engine: Engine, questions: Sequence[Question], recipe: InferRecipe) -> list[Answered]:
    """Ask the questions of a batch, and return what was found for each, in their order."""
    answers = engine.answer([question.request for question in questions])
    return [
        read_raw(answer, question.size, recipe.score)
        for answer, question in zip(answers, questions, strict=True)
    ]
