from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from grounding.boxes import Box, Size
from grounding.samples import Detection
from prepare.questions.objects import ImageObjects
from prepare.questions.regions.described_objects import TextSearch, described_objects
from prepare.reasons import DESCRIPTION_WITH_MARKUP
from prepare.source_types import Annotation, Place, Query, RawObjects

SIZE = Size(100, 100)
CAT, DOG, TINY = (
    Detection("cat", Box(10, 10, 40, 40)),
    Detection("dog", Box(50, 50, 90, 90)),
    Detection("cup", Box(1, 1, 2, 90)),
)


def described(*pairs: tuple[Detection, tuple[str, ...]]) -> ImageObjects:
    detections = tuple(item for item, _ in pairs)
    return ImageObjects(detections, (1.0,) * len(pairs), detections, texts=tuple(texts for _, texts in pairs))


def test_texts_stay_with_their_box_and_objects_of_one_box_share_theirs() -> None:
    same_place = Detection("animal", Box(10.01, 10, 40, 40))
    queries = [described((CAT, ("a cat", " a \n cat ")), (DOG, ())), described((same_place, ("asleep",)))]
    found = described_objects(queries, SIZE, 1, Counter())
    assert {box: (list(item.labels), list(item.phrases)) for box, item in found.items()} == {
        (100, 100, 400, 400): (["cat", "animal"], ["a cat", "asleep"]),
        (500, 500, 900, 900): (["dog"], []),
    }


def test_small_boxes_are_not_asked_about() -> None:
    assert list(described_objects([described((TINY, ("a cup",)))], SIZE, 11, Counter())) == []
    assert list(described_objects([described((TINY, ("a cup",)))], SIZE, 10, Counter())) == [
        (10, 10, 20, 900)
    ]


def test_a_bad_text_is_dropped_with_its_reason() -> None:
    dropped: Counter[str] = Counter()
    (found,) = described_objects([described((CAT, ("a <box>", "a cat")))], SIZE, 1, dropped).values()
    assert list(found.phrases) == ["a cat"]
    assert dropped == {DESCRIPTION_WITH_MARKUP: 1}


@pytest.mark.parametrize(
    ("texts", "label", "found"),
    [
        ([("",), ("a cat",)], "cat", (True, True)),
        ([("<box>",), ()], "cat", (False, True)),
        ([], "cat", (False, True)),
        ([], "object", (False, False)),
        ([], None, (False, False)),
    ],
)
def test_the_search_finds_an_object_that_can_be_described(
    texts: Any, label: str | None, found: tuple[bool, bool]
) -> None:
    objects = RawObjects([(0, 0, 1, 1)] * 2, [label] * 2, [None] * 2, texts=texts)
    place = Place("train", Path("unused"), 0)
    for labels in (False, True):
        search = TextSearch(labels)
        search.add(Annotation(1, "a", SIZE, (Query(RawObjects()), Query(objects)), place, "here"))
        assert search.is_found == found[labels]
