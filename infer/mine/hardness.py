"""How hard a question is for a model: the grades of several sampled answers to it, taken together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from grounding.samples import Detection
from infer.asking.voting import group_votes
from infer.mine.grades import PENALTIES, AnswerGrades, Grade

INVENTED, COPIED, UNSTABLE = "invented", "copied", "unstable"
"""Beside the grades of objects: what a report counts."""


@dataclass(frozen=True)
class ObjectGrades:
    """A true object, and how many of the answers gave it each grade and each label."""

    detection: Detection
    grades: Counter[Grade]
    labels: Counter[str]

    @property
    def hardness(self) -> float:
        """0 if every answer has it right, 1 if none has more than a box with another label."""
        return sum(PENALTIES[grade] * count for grade, count in self.grades.items()) / self.grades.total()

    @property
    def is_unstable(self) -> bool:
        """Whether some answers have it right, and others do not."""
        return 0 < self.grades[Grade.RIGHT] < self.grades.total()


@dataclass(frozen=True)
class QuestionGrades:
    """A question with its true objects and the grades of the answers to it, at least one."""

    wanted: tuple[Detection, ...]
    answers: tuple[AnswerGrades, ...]

    @cached_property
    def objects(self) -> tuple[ObjectGrades, ...]:
        """The true objects with what all answers made of them."""
        return tuple(
            ObjectGrades(
                item,
                Counter(answer.grades[place] for answer in self.answers),
                Counter(
                    label for answer in self.answers if (label := answer.given_labels[place]) is not None
                ),
            )
            for place, item in enumerate(self.wanted)
        )

    @property
    def hardness(self) -> float:
        """The hardness of the hardest object, or the share of answers with a wrong box, if that is more.

        The hardest one decides: a rare object among many easy ones would not show in a mean.
        """
        stray = sum(bool(answer.invented or answer.copied) for answer in self.answers)
        return max([item.hardness for item in self.objects] + [stray / len(self.answers)])

    @property
    def is_unstable(self) -> bool:
        """Whether some answers are right as a whole, and others are not."""
        return 0 < sum(answer.is_right for answer in self.answers) < len(self.answers)

    @cached_property
    def invented(self) -> dict[str, float]:
        """Label -> the largest share of answers that invent an object with it at one place."""
        shares: dict[str, float] = {}
        for group in group_votes([answer.invented for answer in self.answers]):
            label, share = group[0].label, len(group) / len(self.answers)
            shares[label] = max(share, shares.get(label, 0.0))
        return shares

    def count(self) -> Counter[str]:
        """Return the grades of all objects in all answers, and invented, copied and unstable ones."""
        counts = Counter(grade.value for answer in self.answers for grade in answer.grades)
        counts[INVENTED] = sum(len(answer.invented) for answer in self.answers)
        counts[COPIED] = sum(answer.copied for answer in self.answers)
        counts[UNSTABLE] = sum(item.is_unstable for item in self.objects)
        return counts


NEIGHBOUR_SHARE = 0.05
"""A category is the neighbour of another if its objects get that label in so many of the answers."""


def weight_of(hardness: float, most: int, rarity: float = 1.0) -> int:
    """Return how often a hard record is repeated: `most` times hardness times rarity, once at least."""
    return max(1, int(most * hardness * rarity + 0.5))


def count_confusions(questions: Sequence[QuestionGrades]) -> dict[str, Counter[str]]:
    """Return for each true label how often its objects got each other label."""
    confusions: dict[str, Counter[str]] = {}
    for question in questions:
        for item in question.objects:
            for label, count in item.labels.items():
                if label != item.detection.label:
                    confusions.setdefault(item.detection.label, Counter())[label] += count
    return confusions


def find_neighbours(questions: Sequence[QuestionGrades]) -> dict[str, list[str]]:
    """Return for each true label the labels that its objects often get instead, the most frequent first."""
    answers = Counter[str]()
    for question in questions:
        for item in question.objects:
            answers[item.detection.label] += item.grades.total()
    return {
        label: [
            other
            for other, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
            if count >= NEIGHBOUR_SHARE * answers[label]
        ]
        for label, counts in count_confusions(questions).items()
    }
