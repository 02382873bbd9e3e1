"""How rare the categories of hard objects are: records with rare ones are repeated more often.

Source: the repeat factor sampling of LVIS (Gupta et al., LVIS: A Dataset for Large Vocabulary Instance
Segmentation, CVPR 2019). A category in the share f of the images has the factor sqrt(t / f), and an image the
largest of its categories. Here t is the share of the most frequent category, and only hard objects count.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infer.mine.hardness import QuestionGrades


@dataclass(frozen=True)
class Rarity:
    """The factor of each category, 1 for the most frequent one and for those that are not here."""

    factors: Mapping[str, float]

    def of(self, question: QuestionGrades, hard_from: float) -> float:
        """Return the largest factor of the objects of a question that are hard, 1 if none is."""
        hard = (item.detection.label for item in question.objects if item.hardness >= hard_from)
        return max((self.factors.get(label, 1.0) for label in hard), default=1.0)


def measure_rarity(
    questions: Sequence[QuestionGrades], categories: frozenset[str] | None, most: float
) -> Rarity:
    """Count in how many questions each category is named; no factor is above `most`.

    `categories` is None for referring expressions: most of them come once, and none is rarer than others.
    """
    counts = Counter(label for question in questions for label in {item.label for item in question.wanted})
    known = {label: count for label, count in counts.items() if categories and label in categories}
    top = max(known.values(), default=1)
    return Rarity({label: min(most, math.sqrt(top / count)) for label, count in known.items()})
