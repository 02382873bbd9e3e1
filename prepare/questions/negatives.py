"""What is not in the picture: categories and expressions to ask for in vain.

The three choices are those of POPE (Li et al., Evaluating Object Hallucination in Large Vision-Language
Models, EMNLP 2023): random; popular, the most frequent in the training set; adversarial, those that most
often keep company with what is in the picture. All counts are of the source's training images.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import permutations

from grounding.prompts import draw

RANDOM, POPULAR, ADVERSARIAL, MIXED = "random", "popular", "adversarial", "mixed"
CHOICES = (RANDOM, POPULAR, ADVERSARIAL, MIXED)
"""mixed draws one of the other three for each question."""

KNOWN_ABSENT = "source"
"""The choice of a negative that the source itself states."""


@dataclass
class Company:
    """How often each category is in a training image, and how often with each other one."""

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
        """Yield the absent categories in the order in which a choice takes them.

        Ties are in the order of `names`, those of company in the order of frequency first.
        """
        absent = [name for name in self.names if name not in present]
        if choice == RANDOM:
            yield from _shuffled(absent, key)
        elif choice == POPULAR:
            yield from sorted(absent, key=lambda name: -self.images[name])
        else:
            company = Counter[str]()
            for name in present:
                company.update(self.together.get(name, {}))
            yield from sorted(absent, key=lambda name: (-company[name], -self.images[name]))


@dataclass
class Phrases:
    """The training set's expressions, counted, and by the category of what they stand for.

    For an expression, adversarial means: it stands for an object of a category that the picture holds, so
    that the category alone does not give the answer. Two expressions of one image are never negatives of
    each other: each is asked, and answered with its own object. Where the source gives no categories, the
    adversarial choice is the random one: an expression of another image.
    """

    count: Counter[str] = field(default_factory=Counter)
    by_category: dict[str, set[str]] = field(default_factory=dict)
    _sorted: dict[str, list[str]] = field(default_factory=dict, repr=False)

    def add(self, expression: str, categories: Iterable[str]) -> None:
        """Count an expression of a training image, with the categories of its objects where known."""
        self._sorted.clear()
        self.count[expression] += 1
        for category in categories:
            self.by_category.setdefault(category, set()).add(expression)

    def rank(
        self, choice: str, present: frozenset[str], categories: Iterable[str], key: Sequence[object]
    ) -> Iterator[str]:
        """Yield expressions that are none of this image's, in the order in which a choice takes them."""
        if choice == POPULAR:
            order = iter(self._sort(POPULAR))
        else:
            near = set[str]().union(*(self.by_category.get(category, ()) for category in categories))
            is_near = choice == ADVERSARIAL and bool(near - present)
            order = _shuffled(sorted(near) if is_near else self._sort(RANDOM), key)
        yield from (expression for expression in order if expression not in present)

    def _sort(self, choice: str) -> list[str]:
        """Return all expressions, by frequency or by their letters: never in the order of the source."""
        if choice not in self._sorted:
            by_letters = sorted(self.count)
            self._sorted[RANDOM] = by_letters
            self._sorted[POPULAR] = sorted(by_letters, key=lambda expression: -self.count[expression])
        return self._sorted[choice]


def pick(
    count: int, choice: str, rank: Callable[[str], Iterator[str]], key: Sequence[object]
) -> list[tuple[str, str]]:
    """Return up to `count` different names in the order of a choice, each with the choice that took it.

    `rank` yields the names in the order of a choice that is not mixed.
    """
    orders: dict[str, Iterator[str]] = {}
    picked: dict[str, str] = {}
    for number in range(count):
        drawn = CHOICES[draw(*key, "choice", number) % 3] if choice == MIXED else choice
        order = orders.setdefault(drawn, rank(drawn))
        name = next((name for name in order if name not in picked), None)
        if name is not None:
            picked[name] = drawn
    return list(picked.items())


def _shuffled(names: list[str], key: Sequence[object]) -> Iterator[str]:
    """Yield the names in an order that depends on the key alone; the caller usually wants the first few."""
    left = list(names)
    while left:
        place = draw(*key, len(left)) % len(left)
        left[place], left[-1] = left[-1], left[place]
        yield left.pop()
