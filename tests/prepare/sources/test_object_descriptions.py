"""Every format that says something of objects in words: the words stay with their objects."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grounding.boxes import GRID
from grounding.errors import UserError
from grounding.regions.region_mark import Region, read_region
from prepare.check.dataset import check_dataset
from prepare.pipeline import prepare_dataset
from prepare.settings.describing_questions import DescribingQuestions
from prepare.sources.source_settings import EXPRESSION_KINDS
from tests.prepare.sources.small_sources import (
    HEIGHT,
    IMAGES,
    SETTINGS,
    SOURCES,
    WIDTH,
    box_of,
    places_in,
    replaced,
)

Make = Callable[..., Any]

SAID = {
    "coco_json": ("the cat {n}", "cat, state: asleep, occluded"),
    "labelme": ("the cat {n}", "cat, occluded"),
    "label_studio": ("the cat {n}", "cat, state: asleep"),
    "phrases": ("cat {n}",),
    "refcoco": ("cat {n}",),
    "refcoco_parquet": ("cat {n}",),
    "visual_genome": ("cat {n}",),
}
"""What the small source of a kind says of the object in its image n."""

GROUNDED = [
    {
        "filename": f"{n}.png",
        "grounding": {"caption": "cats", "regions": [{"bbox": box_of(n), "phrase": f"cat {n}"}]},
    }
    for n in range(IMAGES)
]


def grid_box(n: int) -> tuple[int, ...]:
    sides = (WIDTH, HEIGHT, WIDTH, HEIGHT)
    return tuple(round(value * GRID / side) for value, side in zip(box_of(n), sides, strict=True))


@pytest.fixture
def prepare(tmp_path: Path, recipe_for: Make) -> Make:
    def run(kind: str, content: Any, number: int = 0, **changes: Any) -> Any:
        folder = tmp_path / str(number)
        if not (folder / "source").exists():
            SOURCES[kind][1](content, folder / "source")
        asks = {"prompt": "expression"} if kind in EXPRESSION_KINDS else {}
        source = SETTINGS.get(kind, {}) | {"path": str(folder / "source")}
        given = {"val_ratio": 0.0, "max_bad_share": 1.0, "output_dir": str(folder / "dataset")}
        return prepare_dataset(recipe_for(kind, source, **(given | asks | changes))), folder / "dataset"

    return run


def described(dataset: Path) -> list[Region]:
    rows = (json.loads(line) for line in (dataset / "train.jsonl").read_text(encoding="utf-8").splitlines())
    return [region for row in rows if (region := read_region(row)) is not None]


def phrases_in(dataset: Path) -> set[str]:
    return {phrase for region in described(dataset) for phrase in region.phrases}


ALWAYS = DescribingQuestions(0.9, "text")


@pytest.mark.parametrize("kind", [*SAID, "odvg"])
def test_each_object_is_described_by_its_own_texts(kind: str, prepare: Make) -> None:
    content = GROUNDED if kind == "odvg" else SOURCES[kind][0]()
    card, dataset = prepare(kind, content, regions=ALWAYS)
    texts = SAID.get(kind, ("cat {n}",))
    expected = {grid_box(n): tuple(text.format(n=n) for text in texts) for n in range(IMAGES)}
    assert {region.box: region.phrases for region in described(dataset)} == expected
    assert card.counts["train"]["region"] == IMAGES
    assert card.dropped == {}
    assert check_dataset(dataset).counts == {}


@pytest.mark.parametrize("kind", [kind for kind in SOURCES if kind not in (*SAID, "odvg", "records")])
def test_other_formats_are_asked_for_names_alone(kind: str, prepare: Make) -> None:
    changes = {"categories": ["cat", "dog"]} if kind == "coco_parquet" else {}
    with pytest.raises(UserError, match=r"regions\.share: no training image .* set regions\.labels=true"):
        prepare(kind, SOURCES[kind][0](), regions=ALWAYS, **changes)
    asks = DescribingQuestions(0.9, "text", labels=True)
    _, dataset = prepare(kind, SOURCES[kind][0](), 1, regions=asks, **changes)
    names = phrases_in(dataset)
    assert len(described(dataset)) == IMAGES
    assert len(names) == 1
    assert {region.label for region in described(dataset)} == names


def test_a_phrase_about_several_boxes_describes_none_of_them(prepare: Make) -> None:
    boxes = [[0, 0, 10, 10], [20, 5, 30, 15]]
    several = {"grounding": {"caption": "cats", "regions": [{"bbox": boxes, "phrase": "two cats"}]}}
    _, dataset = prepare("odvg", [GROUNDED[0] | several, *GROUNDED[1:]], regions=ALWAYS)
    assert phrases_in(dataset) == {"cat 1", "cat 2", "cat 3"}
    phrases = SOURCES["phrases"][0]()
    phrases[0] |= {"expression": "two cats", "bbox": boxes}
    _, dataset = prepare("phrases", phrases, 1, regions=ALWAYS)
    assert phrases_in(dataset) == {"cat 1", "cat 2", "cat 3"}
    genome = SOURCES["visual_genome"][0]()
    genome[0]["regions"].append({"phrase": "cat 0", "x": 20, "y": 5, "width": 9, "height": 9})
    _, dataset = prepare("visual_genome", genome, 2, regions=ALWAYS)
    assert phrases_in(dataset) == {"cat 1", "cat 2", "cat 3"}


def test_an_object_that_odvg_states_twice_keeps_its_phrase(prepare: Make) -> None:
    """As an instance of a category and as a phrase of the caption: one object, as before."""
    instance = {"bbox": box_of(0), "label": 0, "category": "cat 0"}
    both = GROUNDED[0] | {"detection": {"instances": [instance]}}
    card, dataset = prepare("odvg", [both, *GROUNDED[1:]], regions=ALWAYS)
    assert card.counts["train"]["boxes"] == IMAGES
    assert len(described(dataset)) == IMAGES


def test_parts_of_an_object_share_what_is_said_of_either(prepare: Make) -> None:
    content = SOURCES["labelme"][0]()
    shape = {"label": "cat", "shape_type": "polygon", "group_id": 1, "flags": {}}
    content[0]["shapes"] = [
        shape | {"points": [[2, 2], [9, 2], [9, 9]], "description": "its head"},
        shape | {"points": [[12, 2], [19, 2], [19, 9]], "description": "its tail"},
    ]
    _, dataset = prepare("labelme", content, regions=ALWAYS)
    assert ("its head", "its tail") in {region.phrases for region in described(dataset)}


@pytest.mark.parametrize(
    ("kind", "place", "value", "reason"),
    [
        ("coco_json", ("annotations", 0, "caption"), "a <box>", "contains markup"),
        ("coco_json", ("annotations", 0, "caption"), 7, "is empty or no readable text"),
        ("labelme", (0, "shapes", 0, "description"), " ", "is empty or no readable text"),
        ("labelme", (0, "shapes", 0, "description"), "a\0b", "contains a control character"),
        ("labelme", (0, "shapes", 0, "flags"), {"<|im_end|>": True}, "contains markup"),
        (
            "label_studio",
            (0, "annotations", 0, "result", 1, "value", "text"),
            [3],
            "is empty or no readable text",
        ),
        ("visual_genome", (0, "regions", 0, "phrase"), "a <b>cat</b>", "contains markup"),
    ],
)
def test_bad_texts_are_counted_and_the_object_stays(
    kind: str, place: tuple[Any, ...], value: Any, reason: str, prepare: Make
) -> None:
    content = replaced(SOURCES[kind][0](), place, value)
    card, _ = prepare(kind, content)
    assert card.dropped == {}
    asking, dataset = prepare(kind, content, 1, regions=ALWAYS)
    assert asking.dropped == {f"description of an object {reason}": 1}
    assert asking.counts["train"]["boxes"] == card.counts["train"]["boxes"]
    assert check_dataset(dataset).errors == 0


WORD_KEYS = {
    *("caption", "description", "attributes", "flags", "text", "choices", "phrase"),
    *("state", "occluded", "from_name"),
}
"""Keys of the small sources under which there are words, or names of attributes."""

STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, 1.5, float("nan"), 10**400, "", " ", "x" * 3000, "\x00", "half \ud83d", "<bbox>"),
    *(
        [],
        [[]],
        [1, 2],
        ["a"],
        [None] * 4,
        {},
        {"a": 1},
        {"a": True},
        {"": True},
        {" ": "b"},
        {"a": {"b": [{}]}},
    ),
)


@pytest.mark.parametrize("kind", ["coco_json", "labelme", "label_studio", "visual_genome"])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_stands_in_place_of_a_text_the_records_are_sound(
    kind: str, prepare: Make, tmp_path: Path, data: st.DataObject
) -> None:
    content = SOURCES[kind][0]()
    places = [place for place in places_in(content) if WORD_KEYS & set(map(str, place))]
    changed = replaced(content, data.draw(st.sampled_from(places)), data.draw(st.sampled_from(STRANGE)))
    number = len(list(tmp_path.iterdir()))
    with contextlib.suppress(ValueError):  # no JSON can hold the value
        SOURCES[kind][1](changed, tmp_path / str(number) / "source")
    with contextlib.suppress(UserError):
        _, dataset = prepare(kind, changed, number, regions=ALWAYS)
        assert check_dataset(dataset).errors == 0
        assert {region.box for region in described(dataset)} <= {grid_box(n) for n in range(IMAGES)}
