"""The questions about an image, each with the objects that answer it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from grounding.boxes import Size, to_grid
from grounding.prompts import CATEGORIES, CATEGORY, EXPRESSION, RELATION, Wording, draw, draw_wording
from grounding.samples import Detection
from prepare.questions.negatives import KNOWN_ABSENT, TrainingStatistics, pick
from prepare.questions.objects import ImageObjects
from prepare.questions.order import grid_side, order_detections
from prepare.questions.relations.relation_questions import RelationQuestioner
from prepare.questions.text_faults import fault_of_text
from prepare.reasons import ANSWER_TOO_LONG, BOX_TOO_SMALL, NO_RELATION
from prepare.recipe import PrepareRecipe


@dataclass(frozen=True)
class QuestionAnswer:
    """A question and the objects of its answer.

    `about` is the category or expression that the question names, None if it asks for everything.
    `negative` is how an absent one was chosen, None for all other questions. `place` is the position, among
    the image's detections, of the object that a computed phrase means; the answer names it by the phrase.
    `is_computed` tells whether the phrase is a computed one.
    """

    text: str
    answer: tuple[Detection, ...]
    about: str | None = None
    negative: str | None = None
    place: int | None = None
    is_computed: bool = False


@dataclass(frozen=True)
class Questioner:
    """Asks about every image of a data set in the way that the recipe says."""

    recipe: PrepareRecipe
    wordings: tuple[Wording, ...]
    categories: tuple[str, ...]
    statistics: TrainingStatistics

    def ask(
        self,
        image_id: int,
        size: Size,
        queries: Sequence[ImageObjects],
        dropped: Counter[str],
        *,
        is_val: bool = False,
    ) -> list[QuestionAnswer]:
        """Return the questions about an image, answers in the recipe's order; drops are added to `dropped`.

        Questions depend on seed and image alone, except negatives, which depend on the training set too.
        Validation keeps answers of any length: without the crowded images, the scores would be too good.
        """
        told = [self._with_descriptions(image_id, objects, dropped) for objects in queries]
        usable = [self._without_small(objects, size, dropped) for objects in told]
        has_expressions = any(objects.expression is not None for objects in queries)
        ask = self._about_expressions if has_expressions else self._about_categories
        limit = self.recipe.max_objects if self.recipe.overflow == "drop" and not is_val else None
        relations = [] if has_expressions else list(self._about_relations(image_id, size, usable, dropped))
        kept = []
        for question in (*ask(image_id, usable), *relations):
            if limit is not None and len(question.answer) > limit:
                dropped[ANSWER_TOO_LONG] += 1
            else:
                kept.append(
                    replace(question, answer=order_detections(question.answer, self.recipe.order, size))
                )
        return kept

    def _with_descriptions(self, image_id: int, objects: ImageObjects, dropped: Counter[str]) -> ImageObjects:
        """Give each object that an answer can name a description, if the recipe wants them.

        Of several texts that the source has of an object, one is drawn. Texts that cannot be used are counted
        in `dropped`, unless the recipe asks for words, too, which counts them.
        """
        if not self.recipe.descriptions or not any(objects.texts):
            return objects
        trainable = []
        for item, texts in zip(objects.trainable, objects.texts, strict=True):
            faults = [fault_of_text(text) for text in texts]
            usable = [
                " ".join(text.split()) for text, fault in zip(texts, faults, strict=True) if fault is None
            ]
            if not self.recipe.regions.share:
                dropped.update(fault for fault in faults if fault is not None)
            place = draw(self.recipe.seed, image_id, "description", *item.box.xyxy)
            text = usable[place % len(usable)] if usable else None
            trainable.append(replace(item, description=text))
        return replace(objects, trainable=tuple(trainable))

    def _without_small(self, objects: ImageObjects, size: Size, dropped: Counter[str]) -> ImageObjects:
        least = self.recipe.min_grid_size
        if least <= 1:
            return objects
        large = tuple(
            detection for detection in objects.trainable if grid_side(to_grid(detection.box, size)) >= least
        )
        dropped[BOX_TOO_SMALL] += len(objects.trainable) - len(large)
        return replace(objects, trainable=large)

    def _about_categories(self, image_id: int, queries: Sequence[ImageObjects]) -> Iterator[QuestionAnswer]:
        """Yield one question about everything, or one per category that is there, then the negatives."""
        detections = tuple(detection for objects in queries for detection in objects.trainable)
        wordings = [wording for wording in self.wordings if wording.asks != RELATION]
        if not wordings:
            return
        wording = draw_wording(wordings, self.recipe.seed, image_id, "wording")
        if wording.asks != CATEGORY:
            if detections or self.recipe.test_set:
                about = ", ".join(self.categories) if wording.asks == CATEGORIES else ""
                yield QuestionAnswer(wording.ask(about), detections)
            return
        found = dict.fromkeys(detection.label for detection in detections)
        for category in found:
            answer = tuple(detection for detection in detections if detection.label == category)
            yield self._about_one(image_id, CATEGORY, category, answer)
        present = frozenset(detection.label for objects in queries for detection in objects.detections)
        present |= frozenset(label for objects in queries for label in objects.unboxed)
        key = (self.recipe.seed, image_id, "negative")
        for category, choice in pick(
            self._count_negatives(image_id, len(found)),
            self.recipe.negatives.choice,
            lambda choice: self.statistics.co_occurrence.rank(choice, present, key),
            key,
        ):
            yield self._about_one(image_id, CATEGORY, category, (), choice)

    def _about_relations(
        self, image_id: int, size: Size, queries: Sequence[ImageObjects], dropped: Counter[str]
    ) -> Iterator[QuestionAnswer]:
        """Yield the questions about computed phrases; an image without such a phrase is counted."""
        wordings = tuple(wording for wording in self.wordings if wording.asks == RELATION)
        if not wordings:
            return
        questioner = RelationQuestioner(self.recipe, wordings, self.categories, self.statistics)
        detections = [item for objects in queries for item in objects.detections]
        told = {(item.label, item.box): item.description for objects in queries for item in objects.trainable}
        has_any = False
        for asked in questioner.ask(image_id, size, queries):
            has_any = True
            answer: tuple[Detection, ...] = ()
            if asked.place is not None:
                meant = detections[asked.place]
                description = told.get((meant.label, meant.box))
                answer = (Detection(asked.phrase, meant.box, description=description),)
            yield QuestionAnswer(
                asked.text, answer, asked.phrase, asked.negative, asked.place, is_computed=True
            )
        if not has_any:
            dropped[NO_RELATION] += 1

    def _about_expressions(self, image_id: int, queries: Sequence[ImageObjects]) -> Iterator[QuestionAnswer]:
        """Yield one question per expression, those that match nothing included, then the negatives."""
        for objects in queries:
            if objects.trainable or not objects.detections:  # an object too small to name is not absent
                expression = objects.expression or ""
                answer = tuple(Detection(expression, detection.box) for detection in objects.trainable)
                negative = None if answer else KNOWN_ABSENT
                yield self._about_one(image_id, EXPRESSION, expression, answer, negative)
        present = frozenset(objects.expression or "" for objects in queries)
        categories = {detection.label for objects in queries for detection in objects.detections} - present
        absent = sum(not objects.detections for objects in queries)
        key = (self.recipe.seed, image_id, "negative")
        for expression, choice in pick(
            max(0, self._count_negatives(image_id, len(queries) - absent) - absent),
            self.recipe.negatives.choice,
            lambda choice: self.statistics.phrases.rank(choice, present, categories, key),
            key,
        ):
            yield self._about_one(image_id, EXPRESSION, expression, (), choice)

    def _about_one(
        self,
        image_id: int,
        kind: str,
        name: str,
        answer: tuple[Detection, ...],
        negative: str | None = None,
    ) -> QuestionAnswer:
        wordings = [wording for wording in self.wordings if wording.asks == kind]
        wording = draw_wording(wordings, self.recipe.seed, image_id, name)
        return QuestionAnswer(wording.ask(name), answer, name, negative)

    def _count_negatives(self, image_id: int, positives: int) -> int:
        """Return how many negatives an image gets: over many images, the recipe's share of all questions."""
        share = self.recipe.negatives.share
        chance = draw(self.recipe.seed, image_id, "negatives") / 2**64
        return int(positives * share / (1 - share) + chance)
