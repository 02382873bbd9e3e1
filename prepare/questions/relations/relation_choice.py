"""The relations that exactly one object of a scene satisfies, and those that are false by one word."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from grounding.prompts import LANGUAGES, draw
from prepare.questions.relations import relation_types as kinds
from prepare.questions.relations.phrase_text import adjective_rank, can_be_said, most_ordinals, phrase_of
from prepare.questions.relations.relation_truth import is_absent, judge
from prepare.questions.relations.relation_types import Attributes, Relation, Scene, SceneObject

OTHER_SIDE = "other side"
OTHER_NUMBER = "other number"
OTHER_ATTRIBUTE = "other attribute"
OTHER_CATEGORY = "other category"
"""Which word of a true phrase a hard negative has changed: the `negative` of its sample."""

OPPOSITE_SIDES = {
    kinds.LEFT_OF: kinds.RIGHT_OF,
    kinds.RIGHT_OF: kinds.LEFT_OF,
    kinds.ABOVE: kinds.BELOW,
    kinds.BELOW: kinds.ABOVE,
}

NAMED_IN = LANGUAGES[0]
"""The language of the phrase that a draw takes for the name of a relation."""

Key = Sequence[object]


def choose_relations(scene: Scene, most: int, key: Key) -> list[tuple[Relation, int]]:
    """Return up to `most` relations, each with the position of the one object that satisfies it.

    Groups of kinds take turns, in an order that the key draws. An object is meant once, as long as there are
    others.
    """
    found = [(relation, judge(relation, scene).only) for relation in possible_relations(scene)]
    true = [(relation, place) for relation, place in found if place is not None]
    true.sort(key=lambda pair: draw(*key, phrase_of(pair[0], NAMED_IN)))
    turns = [
        [pair for pair in true if pair[0].kind in group]
        for group in sorted(kinds.RELATION_GROUPS, key=lambda group: draw(*key, group[0]))
    ]
    in_turn = [
        found[turn] for turn in range(max(map(len, turns), default=0)) for found in turns if turn < len(found)
    ]
    meant: set[int] = set()
    first, others = list[tuple[Relation, int]](), list[tuple[Relation, int]]()
    for relation, place in in_turn:
        (others if place in meant else first).append((relation, place))
        meant.add(place)
    return [*first, *others][:most]


def possible_relations(scene: Scene) -> Iterator[Relation]:
    """Yield every relation that a phrase can state of the scene's complete categories, true or not."""
    counts = {label: len(scene.places(label)) for label in sorted(scene.complete)}
    anchors = [label for label, count in counts.items() if count == 1]
    for label, count in counts.items():
        if count > 1:
            yield from (Relation(kind, label) for kind in (*kinds.EXTREMES, *kinds.SIZES))
            for ordinal in range(2, min(max(2, (count + 1) // 2), most_ordinals()) + 1):
                yield from (Relation(kind, label, ordinal=ordinal) for kind in kinds.ORDINALS)
        for anchor in anchors:
            if anchor != label:
                yield from (Relation(kind, label, anchor) for kind in kinds.SIDES)
                if count > 1:
                    yield Relation(kinds.NEAREST, label, anchor)
        yield from _attribute_relations(label, scene)


def _attribute_relations(label: str, scene: Scene) -> Iterator[Relation]:
    """Yield one for each value of an attribute, and for each two of which neither is enough."""
    items = [scene.objects[place] for place in scene.places(label)]
    singles = list(dict.fromkeys(pair for item in items for pair in _sayable(item)))
    vague = []
    for pair in singles:
        relation = Relation(kinds.ATTRIBUTE, label, attributes=(pair,))
        if judge(relation, scene).only is None and adjective_rank(pair[0]) is not None:
            vague.append(pair)
        yield relation
    for pairs in combinations(vague, 2):
        if pairs[0][0] != pairs[1][0]:
            ordered: Attributes = tuple(sorted(pairs, key=lambda pair: adjective_rank(pair[0]) or 0))
            yield Relation(kinds.ATTRIBUTE, label, attributes=ordered)


def _sayable(item: SceneObject) -> list[tuple[str, str]]:
    return [(name, value) for name, value in sorted(item.attributes.items()) if can_be_said(name, value)]


def changed_relations(
    relation: Relation, scene: Scene, absent: Sequence[str], values: Mapping[str, Sequence[str]]
) -> Iterator[tuple[Relation, str]]:
    """Yield relations with one word changed that clearly no object satisfies, and which word it is.

    `absent` are categories of the data set to put in, `values` the values that each attribute has elsewhere.
    """
    for other, change in _one_word_away(relation, absent, values):
        if judge(other, scene).is_none:
            yield other, change


def _one_word_away(
    relation: Relation, absent: Sequence[str], values: Mapping[str, Sequence[str]]
) -> Iterator[tuple[Relation, str]]:
    if relation.kind in OPPOSITE_SIDES:
        yield replace(relation, kind=OPPOSITE_SIDES[relation.kind]), OTHER_SIDE
    if relation.ordinal is not None:
        for ordinal in range(2, most_ordinals() + 1):
            if ordinal != relation.ordinal:
                yield replace(relation, ordinal=ordinal), OTHER_NUMBER
    for place, (name, value) in enumerate(relation.attributes):
        for other in values.get(name, ()):
            if other != value and can_be_said(name, other):
                changed = (*relation.attributes[:place], (name, other), *relation.attributes[place + 1 :])
                yield replace(relation, attributes=changed), OTHER_ATTRIBUTE
    for category in absent:
        yield replace(relation, label=category), OTHER_CATEGORY
        if relation.anchor is not None:
            yield replace(relation, anchor=category), OTHER_CATEGORY


def absent_categories(categories: Sequence[str], scene: Scene) -> list[str]:
    """Return the categories of a data set of which nothing is in the picture."""
    return [category for category in categories if is_absent(category, scene)]
