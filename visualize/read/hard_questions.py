"""What a page of hard questions compares: the truth, and the worst and the best of the sampled answers."""

from dataclasses import replace
from itertools import groupby
from pathlib import Path

from grounding.card import load_card
from grounding.errors import UserError
from grounding.files import is_regular
from infer.mine.worst_answers import WorstAnswers, read_worst_answers
from visualize.read.compared_runs import AnnotatedImage, Run, Truth

WORST, BEST = "worst answer", "best answer"
"""The names of the two runs."""


def read_hard_questions(mined: Path, limit: int | None = None) -> tuple[Truth, list[Run]]:
    """Return the hardest questions of a mined data set as images, and their answers as two runs.

    Images are numbered from 1, those of the hardest question first. Only questions whose images the mined
    data set has are hard enough to be shown.

    Raises:
        UserError: the folder is no mined data set, or is not complete.
    """
    card = load_card(mined)
    groups = groupby(read_worst_answers(mined), lambda item: item.worst.together or item.worst.image_id)
    questions = [list(pictures) for _, pictures in groups]
    there = [each for each in questions if all(is_regular(mined / item.image) for item in each)]
    hard = [item for each in there[:limit] for item in each]
    if not hard:
        raise UserError(f"{mined}: no hard question with an image in it: mine again with overwrite=true")
    images = {
        place: AnnotatedImage(place, item.image, item.size, item.objects)
        for place, item in enumerate(hard, start=1)
    }
    numbers = {item.worst.image_id: place for place, item in enumerate(hard, start=1)}
    runs = []
    for name in (WORST, BEST):
        answers = {}
        for place, item in enumerate(hard, start=1):
            answer = item.worst if name == WORST else item.best
            together = tuple(numbers[each] for each in answer.together)
            answers[place] = replace(answer, image_id=place, question=_caption(item), together=together)
        runs.append(Run(name, mined, answers))
    return Truth(mined, images, tuple(category.name for category in card.categories)), runs


def _caption(item: WorstAnswers) -> str:
    return (
        f"{item.worst.question} \N{MIDDLE DOT} hardness {item.hardness:.2f}, mean reward {item.reward:.2f} "
        f"\N{MIDDLE DOT} {item.summary}"
    )
