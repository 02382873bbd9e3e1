"""The questions about an image whose phrases are computed, and those that one changed word makes false."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grounding.boxes import Size
from grounding.prompts import Wording, draw, draw_wording
from prepare.questions.negatives import TrainingStatistics, pick
from prepare.questions.objects import ImageObjects
from prepare.questions.relations.phrase_text import phrase_of
from prepare.questions.relations.relation_choice import (
    NAMED_IN,
    OTHER_CATEGORY,
    absent_categories,
    changed_relations,
    choose_relations,
)
from prepare.questions.relations.relation_types import Relation, Scene
from prepare.questions.relations.scene_reading import read_scene
from prepare.recipe import PrepareRecipe

MOST_ABSENT = 2
"""Absent categories that are tried in place of one in a phrase."""


@dataclass(frozen=True)
class RelationQuestion:
    """A question about a computed phrase: `place` is the position of the one object that it means.

    None if it means no object; `negative` then says which word of a true phrase was changed.
    """

    text: str
    phrase: str
    place: int | None
    negative: str | None = None


@dataclass(frozen=True)
class RelationQuestioner:
    """Asks for computed phrases; `wordings` are the recipe's for relations, `categories` the data set's."""

    recipe: PrepareRecipe
    wordings: tuple[Wording, ...]
    categories: tuple[str, ...]
    statistics: TrainingStatistics

    def ask(self, image_id: int, size: Size, queries: Sequence[ImageObjects]) -> Iterator[RelationQuestion]:
        """Yield the questions about an image, those about what is there first.

        They depend on seed and image alone; in those about what is not there, the words to put in depend on
        the training set, too.
        """
        key = (self.recipe.seed, image_id, "relation")
        scene = read_scene(queries, size, self.recipe.min_grid_size)
        chosen = [
            (relation, place)
            for relation, place in choose_relations(scene, self.recipe.relations.most, key)
            if not self._is_category(relation)
        ]
        for relation, place in chosen:
            yield self._question(relation, key, place)
        relations = [relation for relation, _ in chosen]
        for changed, change in self._false_ones(relations, scene, key)[: self._count_false(key, len(chosen))]:
            yield self._question(changed, key, None, change)

    def _question(
        self, relation: Relation, key: tuple[object, ...], place: int | None, negative: str | None = None
    ) -> RelationQuestion:
        wording = draw_wording(self.wordings, *key, phrase_of(relation, NAMED_IN))
        phrase = phrase_of(relation, wording.language)
        return RelationQuestion(wording.ask(phrase), phrase, place, negative)

    def _is_category(self, relation: Relation) -> bool:
        """Tell whether a phrase is a category's name: it would be a question about all of its objects."""
        phrases = {phrase_of(relation, wording.language) for wording in self.wordings}
        return not phrases.isdisjoint(self.categories)

    def _false_ones(
        self, relations: Sequence[Relation], scene: Scene, key: tuple[object, ...]
    ) -> list[tuple[Relation, str]]:
        """Return false relations: kinds of changed words take turns, and another category comes last."""
        absent = self._absent(scene, key)
        values = {name: sorted(found) for name, found in self.statistics.attribute_values.items()}
        found: dict[Relation, str] = {}
        for relation in relations:
            for changed, change in changed_relations(relation, scene, absent, values):
                if not self._is_category(changed):
                    found.setdefault(changed, change)
        by_change: dict[str, list[Relation]] = {}
        for changed in sorted(found, key=lambda one: draw(*key, "false", phrase_of(one, NAMED_IN))):
            by_change.setdefault(found[changed], []).append(changed)
        turn = {changed: number for group in by_change.values() for number, changed in enumerate(group)}
        order = sorted(
            found, key=lambda one: (found[one] == OTHER_CATEGORY, turn[one], draw(*key, found[one]))
        )
        return [(changed, found[changed]) for changed in order]

    def _absent(self, scene: Scene, key: tuple[object, ...]) -> list[str]:
        """Return categories of which nothing is in the picture, chosen as the recipe's negatives are."""
        allowed = set(absent_categories(self.categories, scene))
        present = frozenset(self.categories) - allowed
        ranked = pick(
            MOST_ABSENT,
            self.recipe.negatives.choice,
            lambda choice: self.statistics.co_occurrence.rank(choice, present, key),
            key,
        )
        return [name for name, _ in ranked]

    def _count_false(self, key: tuple[object, ...], positives: int) -> int:
        """Return how many phrases are false: over many images, the recipe's share of all these questions."""
        share = self.recipe.negatives.share
        return int(positives * share / (1 - share) + draw(*key, "count") / 2**64)
