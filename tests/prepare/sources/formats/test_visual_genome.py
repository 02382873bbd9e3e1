import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grounding.card import load_card
from grounding.errors import UserError
from grounding.regions.region_mark import read_region
from prepare.pipeline import prepare_dataset
from prepare.reasons import EXPRESSION_TOO_LONG, EXPRESSION_UNREADABLE, IMAGE_MISSING
from prepare.settings.describing_questions import DescribingQuestions
from prepare.sources.formats.visual_genome import PackedQueries
from tests.prepare.sources.formats.drawn_source import HEIGHT, WIDTH, write_pictures

Make = Callable[..., Any]


def region(phrase: Any, x: Any, y: int = 10, **changes: Any) -> dict[str, Any]:
    return {
        "region_id": x,
        "image_id": 1,
        "phrase": phrase,
        "x": x,
        "y": y,
        "width": 20,
        "height": 30,
    } | changes


def grid(x: int, y: int = 10, width: int = 20, height: int = 30) -> list[int]:
    corners = (x, y, x + width, y + height)
    return [round(1000 * value / side) for value, side in zip(corners, (WIDTH, HEIGHT) * 2, strict=True)]


@pytest.fixture
def prepare(tmp_path: Path, recipe_for: Make) -> Make:
    def run(content: Any, source: dict[str, Any] | None = None, **changes: Any) -> Any:
        write_pictures(tmp_path / "source/VG_100K", ["1.png", "2.png"])
        write_pictures(tmp_path / "source/VG_100K_2", ["3.png"])
        (tmp_path / "source/region_descriptions.json").write_text(json.dumps(content))
        given = {"val_ratio": 0.0, "max_bad_share": 0.5, "prompt": "expression", "overwrite": True}
        card = prepare_dataset(recipe_for("visual_genome", source or {}, **(given | changes)))
        lines = (tmp_path / "dataset/train.jsonl").read_text(encoding="utf-8").splitlines()
        return card, [json.loads(line) for line in lines]

    return run


GOOD = [
    {"id": 1, "regions": [region("the  red\ncat", 5), region("two cats", 5), region("two cats", 60)]},
    {"id": 2, "regions": [region("a dog", 30)]},
    {"image_id": 3, "regions": [region("a bird", 40, width=1000)]},
]


def test_a_phrase_means_all_boxes_that_have_it_and_images_are_found_by_their_ids(
    prepare: Make, tmp_path: Path
) -> None:
    card, rows = prepare(GOOD)
    asked = {row["objects"]["ref"][0]: (row["images"][0], row["objects"]["bbox"]) for row in rows}
    assert asked == {
        "the red cat": ("images/000000000001.png", [grid(5)]),
        "two cats": ("images/000000000001.png", [grid(5), grid(60)]),
        "a dog": ("images/000000000002.png", [grid(30)]),
        "a bird": ("images/000000000003.png", [[*grid(40)[:2], 1000, grid(40)[3]]]),
    }
    assert [category.name for category in card.categories] == ["object"]
    assert card.dropped == {}
    assert load_card(tmp_path / "dataset").counts["train"]["boxes_clipped"] == 1


def test_a_phrase_of_one_box_describes_it(prepare: Make) -> None:
    _, rows = prepare(GOOD, regions=DescribingQuestions(0.8, "text"))
    regions = [found for row in rows if (found := read_region(row)) is not None]
    assert {(found.phrases, found.label) for found in regions} == {
        (("the red cat",), None),
        (("a dog",), None),
        (("a bird",), None),
    }


def test_what_cannot_be_used_is_counted(prepare: Make) -> None:
    content = [
        {"id": 1, "regions": [region("a cat", 5), region(" ", 5), region(None, 5), region(7, 5)]},
        {"id": 2, "regions": [region("a dog", "30"), region("x" * 30, 5), region("no box", None)]},
        {"id": 4, "regions": [region("a bird", 5)]},
    ]
    card, rows = prepare(content, {"max_text": 20})
    assert {row["objects"]["ref"][0] for row in rows} == {"a cat", "a dog"}
    assert card.dropped == {
        EXPRESSION_UNREADABLE: 3,
        EXPRESSION_TOO_LONG: 1,
        IMAGE_MISSING: 1,
        "box is not four numbers": 1,
        "expression has no usable box": 1,
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "region_descriptions.json"),
        ([3], r"region_descriptions\.json, \[0\]: an object with a list `regions` is needed, there is 3"),
        ([{"id": 1, "regions": {}}], r"\[0\]: an object with a list `regions`"),
        ([GOOD[0], {"id": "a", "regions": []}], r"\[1\]: id: a whole number is needed, there is 'a'"),
        ([{"id": 1, "regions": [3]}], r"\[0\]: regions\[0\]: an object is needed, there is 3"),
        ([GOOD[0], GOOD[0]], "both describe"),
    ],
)
def test_other_files_are_refused_with_their_place(prepare: Make, content: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        prepare(content)


def test_packed_queries_are_those_that_were_packed() -> None:
    packed = PackedQueries("1", [("a", (1.0, 2.0, 3.0, 4.0)), ("b", ()), ("a", (5, 6, 7, 8))], "thing", 9)
    assert len(packed) == 2
    assert [query.expression for query in packed] == ["a", "b"]
    assert packed[0].objects.boxes == [(1.0, 2.0, 3.0, 4.0), (5, 6, 7, 8)]
    assert packed[0].objects.labels == ["thing", "thing"]
    assert packed[1:] == [packed[1]]
