"""Negatives: categories and expressions to ask about that are not in the picture.

The three choices are those of POPE (Li et al., Evaluating Object Hallucination in Large Vision-Language
Models, EMNLP 2023): random; popular, the most frequent in the training set; adversarial, those that occur
most often together with what is in the picture. All counts are of the source's training images.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import permutations

from grounding.prompts import draw
from prepare.settings.question_settings import NEGATIVE_CHOICES
from prepare.source_types import Annotation

RANDOM, POPULAR, ADVERSARIAL, MIXED = NEGATIVE_CHOICES

KNOWN_ABSENT = "source"
"""The choice of a negative that the source itself states."""


@dataclass
class CoOccurrence:
    """In how many training images each category is, and how often together with each other category."""

    names: tuple[str, ...]
    images: Counter[str] = field(default_factory=Counter)
    together: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, present: Iterable[str]) -> None:
        """Count the categories of one training image."""
        labels = set(present)
        self.images.update(labels)
        for first, second in permutations(labels, 2):
            self.together.setdefault(first, Counter())[second] += 1

    def rank(self, choice: str, present: frozenset[str], key: Sequence[object]) -> Iterator[str]:
        """Yield the absent categories in the order of a choice.

        Ties keep the order of `names`; ties in co-occurrence are first ordered by frequency.
        """
        absent = [name for name in self.names if name not in present]
        if choice == RANDOM:
            yield from _shuffled(absent, key)
        elif choice == POPULAR:
            yield from sorted(absent, key=lambda name: -self.images[name])
        else:
            together = Counter[str]()
            for name in present:
                together.update(self.together.get(name, {}))
            yield from sorted(absent, key=lambda name: (-together[name], -self.images[name]))


@dataclass
class Phrases:
    """The expressions of the training set: how often each occurs, and for which categories.

    For an expression, adversarial means that it stands for a category that the picture holds, so that the
    category alone does not give the answer. Expressions of one image are never negatives of each other: each
    is asked, and answered with its own object. If the source names no categories, adversarial is the same as
    random: an expression of another image.
    """

    count: Counter[str] = field(default_factory=Counter)
    by_category: dict[str, set[str]] = field(default_factory=dict)
    _sorted: dict[str, list[str]] = field(default_factory=dict, repr=False)

    def add(self, expression: str, categories: Iterable[str]) -> None:
        """Count an expression of a training image, and the known categories of its objects."""
        self._sorted.clear()
        self.count[expression] += 1
        for category in categories:
            self.by_category.setdefault(category, set()).add(expression)

    def rank(
        self, choice: str, present: frozenset[str], categories: Iterable[str], key: Sequence[object]
    ) -> Iterator[str]:
        """Yield expressions of other images in the order of a choice."""
        if choice == POPULAR:
            order = iter(self._sort(POPULAR))
        else:
            near = set[str]().union(*(self.by_category.get(category, ()) for category in categories))
            is_near = choice == ADVERSARIAL and bool(near - present)
            order = _shuffled(sorted(near) if is_near else self._sort(RANDOM), key)
        yield from (expression for expression in order if expression not in present)

    def _sort(self, choice: str) -> list[str]:
        """Return all expressions by frequency or alphabetically, never in the order of the source."""
        if choice not in self._sorted:
            alphabetic = sorted(self.count)
            self._sorted[RANDOM] = alphabetic
            self._sorted[POPULAR] = sorted(alphabetic, key=lambda expression: -self.count[expression])
        return self._sorted[choice]


class TrainingStatistics:
    """What negatives need to know about the training images; filled while the source is scanned."""

    def __init__(self, categories: tuple[str, ...]) -> None:
        self._categories = frozenset(categories)
        self.co_occurrence = CoOccurrence(categories)
        self.phrases = Phrases()
        self.attribute_values: dict[str, set[str]] = {}

    def add(self, annotation: Annotation) -> None:
        """Count the categories and expressions of one training image, and note its attributes."""
        for query in annotation.queries:
            labels = {label for label in query.objects.labels if label in self._categories}
            self.co_occurrence.add(labels)
            for attributes in query.objects.attributes:
                for name, value in attributes.items():
                    self.attribute_values.setdefault(name, set()).add(value)
            if query.expression is not None:
                self.phrases.add(query.expression, sorted(labels))


def pick(
    count: int, choice: str, rank: Callable[[str], Iterator[str]], key: Sequence[object]
) -> list[tuple[str, str]]:
    """Return up to `count` different names in the order of a choice, each with the choice that found it.

    `rank` yields the names in the order of a choice; it is never called with "mixed".
    """
    orders: dict[str, Iterator[str]] = {}
    picked: dict[str, str] = {}
    for number in range(count):
        drawn = NEGATIVE_CHOICES[draw(*key, "choice", number) % 3] if choice == MIXED else choice
        order = orders.setdefault(drawn, rank(drawn))
        name = next((name for name in order if name not in picked), None)
        if name is not None:
            picked[name] = drawn
    return list(picked.items())


def _shuffled(names: list[str], key: Sequence[object]) -> Iterator[str]:
    """Yield the names in an order that depends on the key alone; callers usually take only a few."""
    left = list(names)
    while left:
        place = draw(*key, len(left)) % len(left)
        left[place], left[-1] = left[-1], left[place]
        yield left.pop()
