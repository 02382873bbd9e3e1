"""The answers that training teaches: the one place where objects become the text of an assistant.

Where a question lists candidates, its answer names them: by the number alone if the candidate's box is good
enough, by number and box if it is to be corrected; all other objects are new boxes.
"""

from collections.abc import Sequence
from itertools import islice

from grounding.answers.asked import Asked
from grounding.answers.writer import Answer, CandidateUse, write_answer
from grounding.boxes import from_grid, iou, to_grid
from grounding.candidates.candidate_settings import CandidateQuestions
from grounding.candidates.found_objects import FOUND_AT
from grounding.samples import Detection


def write_taught_answers(
    answer_format: str,
    turns: Sequence[Sequence[Detection]],
    asked: Asked,
    good: float = CandidateQuestions.good,
) -> list[Answer]:
    """Return the answer of each turn of a conversation, which name these objects; boxes are in pixels.

    `good` is the IoU from which a candidate's number alone is the answer. What is read from such answers
    comes out as the same text again.
    """
    uses = iter(name_candidates([item for turn in turns for item in turn], asked, good))
    return [write_answer(answer_format, turn, asked, list(islice(uses, len(turn)))) for turn in turns]


def name_candidates(
    answer: Sequence[Detection], asked: Asked, good: float
) -> tuple[CandidateUse | None, ...]:
    """Return how an answer names its objects by candidates; None for an object without one.

    Objects, as the grid can state them, and candidates are matched one to one, the best IoU first, whatever
    the label: the answer states the right one. From an IoU of `good` on the number is enough, from 0.5 on the
    answer corrects the box.
    """
    if not asked.candidates:
        return (None,) * len(answer)
    labels = [label for label, _ in asked.proposals] or [None] * len(asked.candidates)
    size = asked.sizes[0]
    boxes = {
        place: from_grid(*to_grid(item.box, size), size)
        for place, item in enumerate(answer)
        if item.picture == 0
    }
    pairs = [
        (overlap, answer[place].label != labels[number], place, number)
        for place, box in boxes.items()
        for number, candidate in enumerate(asked.candidates)
        if (overlap := iou(box, candidate)) >= FOUND_AT
    ]
    uses: dict[int, CandidateUse] = {}
    named: set[int] = set()
    for overlap, _, place, number in sorted(pairs, key=lambda pair: (-pair[0], *pair[1:])):
        if place not in uses and number not in named:
            uses[place] = CandidateUse(number + 1, is_corrected=overlap < good)
            named.add(number)
    return tuple(uses.get(place) for place in range(len(answer)))
