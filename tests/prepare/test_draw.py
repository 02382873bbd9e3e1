from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from grounding.boxes import Size
from grounding.errors import UserError
from prepare.draw import draw_candidates, draw_rank
from prepare.questions.objects import ObjectReader
from prepare.reasons import (
    BOX_UNKNOWN_CATEGORY,
    IMAGE_MISSING,
    IMAGE_TWICE,
    IMAGE_UNEVEN_LISTS,
    IMAGE_WITHOUT_OBJECTS,
    RECORD_UNMATCHED,
)
from prepare.recipe import PrepareRecipe
from prepare.source_types import PLAIN_BOXES, Annotation, BoxFormat, ImageData, Lost, Place, Query, RawObjects

READER = ObjectReader(PLAIN_BOXES, frozenset({"cat"}))
CAT = Query(RawObjects([[1, 1, 9, 9]], ["cat"], [None]))


@dataclass(frozen=True)
class FakeSource:
    annotations: dict[str, list[Annotation | Lost]]
    folder: Path = Path("fake")
    box_format: BoxFormat = PLAIN_BOXES
    own_categories: None = None

    def fingerprint(self) -> str:
        return "fake"

    def count(self, split: str) -> int:
        return len(self.annotations.get(split, ()))

    def scan(self, split: str) -> Iterator[Annotation | Lost]:
        yield from self.annotations.get(split, ())

    def read(self, places: Sequence[Place]) -> Iterator[list[tuple[Annotation, ImageData]] | Lost]:
        raise AssertionError("the draw reads no image")


def annotation(image_id: int, *queries: Query, file: str = "a", row: int = 0, **more: Any) -> Annotation:
    place = Place("train", Path(file), row)
    return Annotation(
        image_id, f"{image_id}", more.get("size", Size(10, 10)), queries or (CAT,), place, "here"
    )


def recipe(**changes: Any) -> PrepareRecipe:
    return PrepareRecipe(**({"output_dir": "unused", "total_samples": None} | changes))


def test_the_order_depends_on_seed_and_id_alone() -> None:
    rows: list[Annotation | Lost] = [annotation(number) for number in range(50)]
    for order in (rows, rows[::-1]):
        draw = draw_candidates(FakeSource({"train": order}), recipe(seed=7, val_ratio=0.0), READER, Counter())
        drawn = [candidate.image_id for candidate in draw.candidates["train"]]
        assert drawn == sorted(range(50), key=lambda number: draw_rank(7, number))


def test_without_validation_images_both_splits_share_the_candidates() -> None:
    source = FakeSource({"train": [annotation(number) for number in range(10)]})
    draw = draw_candidates(source, recipe(val_ratio=0.2), READER, Counter())
    assert draw.candidates["train"] is draw.candidates["val"]
    assert draw.sizes == {"train": 8, "val": 2}


def test_unusable_images_are_counted_by_reason() -> None:
    missing = Lost(IMAGE_MISSING, 2, "there")
    source = FakeSource(
        {
            "train": [
                annotation(1),
                annotation(2, Query(RawObjects([[1, 1, 9, 9]], ["dog"], [None]))),
                annotation(3, Query(RawObjects([[1, 1, 9, 9]]))),
                annotation(4, Query(RawObjects(), record={}, fault=RECORD_UNMATCHED)),
                annotation(5, Query(RawObjects(), "nothing like that")),
                annotation(6, Query(RawObjects([[1]], ["cat"], [None])), size=None),
                missing,
            ]
        }
    )
    dropped: Counter[str] = Counter()
    seen: list[int | None] = []
    draw = draw_candidates(
        source, recipe(max_bad_share=0.5), READER, dropped, lambda found: seen.append(found.image_id)
    )
    assert {candidate.image_id for candidate in draw.candidates["train"]} == {1, 5, 6} == set(seen)
    assert dropped == {
        IMAGE_WITHOUT_OBJECTS: 1,
        BOX_UNKNOWN_CATEGORY: 1,
        IMAGE_UNEVEN_LISTS: 1,
        RECORD_UNMATCHED: 1,
        IMAGE_MISSING: 2,
    }
    with pytest.raises(UserError, match=r"^2 of 8 images .* the first: there: image file is missing"):
        draw_candidates(source, recipe(), READER, Counter())


def test_of_two_rows_with_one_id_the_first_by_file_name_is_kept() -> None:
    rows: list[Annotation | Lost] = [
        annotation(1, file="a/2.parquet", row=0),
        annotation(1, file="b/1.parquet", row=5),
        annotation(1, file="a/1.parquet", row=9),
    ]
    dropped: Counter[str] = Counter()
    draw = draw_candidates(FakeSource({"train": rows}), recipe(val_ratio=0.0), READER, dropped)
    assert [candidate.place.row for candidate in draw.candidates["train"]] == [5]
    assert dropped == {IMAGE_TWICE: 2}
