"""The questions about an image, each with the objects that answer it."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from grounding.boxes import Size, to_grid
from grounding.prompts import CATEGORIES, CATEGORY, EXPRESSION, Wording, draw, draw_wording
from grounding.samples import Detection, Sample
from prepare.questions.negatives import KNOWN_ABSENT, RANDOM, Company, Phrases, pick
from prepare.questions.order import grid_side, order_detections
from prepare.recipe import Recipe
from prepare.sources.shared.identity import derived_id

ANSWER_TOO_LONG = "answer has more objects than max_objects"
BOX_TOO_SMALL = "box is smaller than min_grid_size"
NOTHING_TO_ASK = "image has no usable objects"


@dataclass(frozen=True)
class Seen:
    """What the source states about an image: its objects, and those of them that an answer can name.

    `expression` is the phrase that these objects answer, None where a source has categories alone;
    `others` are categories that are there without a box to train on (crowds, boxes that cannot be used),
    so that nobody asks for them in vain.
    """

    detections: tuple[Detection, ...]
    trainable: tuple[Detection, ...]
    expression: str | None = None
    others: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Question:
    """A question and the objects of its answer.

    `asked` is the category or expression that it names, None where it asks for everything; `negative` is
    how an absent one was chosen, None where it is not a negative.
    """

    text: str
    answer: tuple[Detection, ...]
    asked: str | None = None
    negative: str | None = None


def sample_of(samples: Sequence[Sample], question: Question) -> Sample:
    """Return what one question is scored against, of an image's samples: one, or one an expression.

    A question about everything is the image's own sample. One about a category or a phrase that the source
    does not know has an id of its own, which depends on image and question alone.
    """
    if question.asked is None:
        return samples[0]
    own = next((sample for sample in samples if sample.expression == question.asked), None)
    if own is not None:
        return dataclasses.replace(own, negative=question.negative)
    objects = [
        pair
        for pair in zip(samples[0].detections, samples[0].areas, strict=True)
        if pair[0].label == question.asked
    ]
    crowds = [
        pair
        for pair in zip(samples[0].crowds, samples[0].crowd_areas, strict=True)
        if pair[0].label == question.asked
    ]
    return dataclasses.replace(
        samples[0],
        image_id=derived_id(f"{samples[0].image}/{question.asked}"),
        detections=tuple(detection for detection, _ in objects),
        areas=tuple(area for _, area in objects),
        expression=question.asked,
        crowds=tuple(detection for detection, _ in crowds),
        crowd_areas=tuple(area for _, area in crowds),
        negative=question.negative,
    )


@dataclass(frozen=True)
class Asking:
    """How images are asked about: the same for every image of a data set.

    `company` and `phrases` hold what the negatives need to know of the training images.
    """

    wordings: tuple[Wording, ...]
    categories: tuple[str, ...]
    seed: int
    order: str = "source"
    min_grid_size: int = 1
    max_objects: int | None = None
    overflow: str = "drop"
    negative_share: float = 0.0
    negative_choice: str = RANDOM
    company: Company = field(default_factory=lambda: Company(()))
    phrases: Phrases = field(default_factory=Phrases)

    def ask(
        self, image_id: int, size: Size, seen: Sequence[Seen], dropped: Counter[str], *, is_val: bool = False
    ) -> list[Question]:
        """Return the questions about an image, answers in their order; what is left out goes to `dropped`.

        They depend on seed and image alone, but for the negatives, which depend on the training set too.
        Validation keeps answers of any length: a score without the crowded images would flatter.
        """
        usable = [self._without_small(item, size, dropped) for item in seen]
        has_phrases = any(item.expression is not None for item in seen)
        questions = self._phrases(image_id, usable) if has_phrases else self._categories(image_id, usable)
        kept = []
        for question in questions:
            if self.overflow == "drop" and not is_val and len(question.answer) > (self.max_objects or 10**9):
                dropped[ANSWER_TOO_LONG] += 1
            else:
                answer = order_detections(question.answer, self.order, size)
                kept.append(Question(question.text, answer, question.asked, question.negative))
        return kept

    def _without_small(self, item: Seen, size: Size, dropped: Counter[str]) -> Seen:
        if self.min_grid_size <= 1:
            return item
        large = tuple(
            detection
            for detection in item.trainable
            if grid_side(to_grid(detection.box, size)) >= self.min_grid_size
        )
        dropped[BOX_TOO_SMALL] += len(item.trainable) - len(large)
        return Seen(item.detections, large, item.expression, item.others)

    def _categories(self, image_id: int, seen: Sequence[Seen]) -> Iterator[Question]:
        """Yield the question about everything, or one a category that is there, and the negatives."""
        objects = tuple(detection for item in seen for detection in item.trainable)
        wording = draw_wording(self.wordings, self.seed, image_id, "wording")
        if wording.asks != CATEGORY:
            if objects:
                about = ", ".join(self.categories) if wording.asks == CATEGORIES else ""
                yield Question(wording.ask(about), objects)
            return
        asked = dict.fromkeys(detection.label for detection in objects)
        for category in asked:
            answer = tuple(detection for detection in objects if detection.label == category)
            yield self._about(image_id, CATEGORY, category, answer)
        present = frozenset(detection.label for item in seen for detection in item.detections)
        present |= frozenset(label for item in seen for label in item.others)
        key = (self.seed, image_id, "negative")
        for category, choice in pick(
            self._negatives(image_id, len(asked)),
            self.negative_choice,
            lambda choice: self.company.rank(choice, present, key),
            key,
        ):
            yield self._about(image_id, CATEGORY, category, (), choice)

    def _phrases(self, image_id: int, seen: Sequence[Seen]) -> Iterator[Question]:
        """Yield a question an expression, those without an object included, and the negatives."""
        for item in seen:
            if item.trainable or not item.detections:  # an object too small to be named is not absent
                answer = tuple(
                    Detection(item.expression or "", detection.box) for detection in item.trainable
                )
                negative = None if answer else KNOWN_ABSENT
                yield self._about(image_id, EXPRESSION, item.expression or "", answer, negative)
        present = frozenset(item.expression or "" for item in seen)
        categories = {detection.label for item in seen for detection in item.detections} - present
        absent = sum(not item.detections for item in seen)
        key = (self.seed, image_id, "negative")
        for expression, choice in pick(
            max(0, self._negatives(image_id, len(seen) - absent) - absent),
            self.negative_choice,
            lambda choice: self.phrases.rank(choice, present, categories, key),
            key,
        ):
            yield self._about(image_id, EXPRESSION, expression, (), choice)

    def _about(
        self,
        image_id: int,
        kind: str,
        name: str,
        answer: tuple[Detection, ...],
        negative: str | None = None,
    ) -> Question:
        wordings = [wording for wording in self.wordings if wording.asks == kind]
        wording = draw_wording(wordings, self.seed, image_id, name)
        return Question(wording.ask(name), answer, name, negative)

    def _negatives(self, image_id: int, positives: int) -> int:
        """Return how many negatives an image gets: over many images, the recipe's share of all questions."""
        wanted = positives * self.negative_share / (1 - self.negative_share)
        chance = draw(self.seed, image_id, "negatives") / 2**64
        return int(wanted + chance)


def make_asking(recipe: Recipe) -> Asking:
    """Return how a recipe asks; what the training images hold is filled in while they are read."""
    names = tuple(category.name for category in recipe.resolved_categories)
    return Asking(
        wordings=recipe.wordings,
        categories=names,
        seed=recipe.seed,
        order=recipe.order,
        min_grid_size=recipe.min_grid_size,
        max_objects=recipe.max_objects,
        overflow=recipe.overflow,
        negative_share=recipe.negatives.share,
        negative_choice=recipe.negatives.choice,
        company=Company(names),
    )
