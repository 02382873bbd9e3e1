"""How many boxes of two engines' answers are equal."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from grounding.answers.reader import read_answer
from infer.parity.answer_stages import parts_at_a_tie
from infer.parity.stages import Pair

LEAST_SHARE = 0.99
"""The share of boxes that have to be equal."""


@dataclass(frozen=True)
class EqualBoxes:
    """The numbers of boxes of both engines together, and of those with an equal one on the other side.

    Answers without any box count one each, by their text: a model that is not trained has no others, and
    many tokens are equally likely to it. Where two such texts part at a tie, they count as equal.
    `boxless` is the number of questions with such answers.
    """

    boxes: int
    equal: int
    boxless: int = 0

    @property
    def share(self) -> float:
        """The share of equal ones, 1 where there is nothing."""
        return self.equal / self.boxes if self.boxes else 1.0

    @property
    def is_enough(self) -> bool:
        """Whether so many are equal as in engines that do the same."""
        return self.share >= LEAST_SHARE


def count_equal_boxes(pairs: Iterable[Pair]) -> EqualBoxes:
    """Compare pairs of answers: label, picture and box have to be equal."""
    boxes = equal = boxless = 0
    for pair in pairs:
        found = [
            Counter(
                (each.label, each.picture, *each.box.xyxy)
                for each in read_answer(text, pair.asked.asked).detections
            )
            for text in (pair.ours.text, pair.theirs.text)
        ]
        if any(found):
            boxes += sum(map(Counter.total, found))
            equal += 2 * (found[0] & found[1]).total()
        else:
            boxless += 1
            boxes += 2
            equal += 2 * (pair.ours.text == pair.theirs.text or parts_at_a_tie(pair))
    return EqualBoxes(boxes, equal, boxless)
