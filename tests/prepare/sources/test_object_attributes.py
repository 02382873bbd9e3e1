"""Every format in which objects have attributes: they are in the computed phrases about these objects."""

import copy
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from grounding.record.conversation import parse_record
from prepare.pipeline import prepare_dataset
from tests.prepare.sources.small_sources import IMAGES, SETTINGS, SOURCES

Make = Callable[..., Any]

COLORS = ("red", "green", "blue", "white")
"""The colour of the object in each image of a small source."""


def coco_json(content: Any, n: int, attributes: Mapping[str, str]) -> None:
    content["annotations"][n]["attributes"] |= attributes


def labelme_flags(content: Any, n: int, attributes: Mapping[str, str]) -> None:
    content[n]["shapes"][0]["flags"] |= attributes


def labelme_attributes(content: Any, n: int, attributes: Mapping[str, str]) -> None:
    content[n]["shapes"][0]["attributes"] = attributes


def label_studio(content: Any, n: int, attributes: Mapping[str, str]) -> None:
    results = content[n]["annotations"][0]["result"]
    for name, value in attributes.items():
        choice = copy.deepcopy(results[2])
        choice |= {"from_name": name, "value": choice["value"] | {"choices": [value]}}
        results.append(choice)


def cvat(content: Any, n: int, attributes: Mapping[str, str]) -> None:
    content[n]["box"]["attributes"] = attributes


def via(content: Any, n: int, attributes: Mapping[str, str]) -> None:
    list(content.values())[n]["regions"][0]["region_attributes"] |= attributes


def via_ticked(content: Any, n: int, attributes: Mapping[str, str]) -> None:
    ticked = {name: {"other": False, value: True} for name, value in attributes.items()}
    list(content.values())[n]["regions"][0]["region_attributes"] |= ticked


STATED: dict[str, tuple[str, Callable[[Any, int, Mapping[str, str]], None]]] = {
    "coco_json": ("coco_json", coco_json),
    "labelme, flags": ("labelme", labelme_flags),
    "labelme, attributes": ("labelme", labelme_attributes),
    "label_studio": ("label_studio", label_studio),
    "cvat": ("cvat", cvat),
    "via": ("via", via),
    "via, ticked": ("via", via_ticked),
}


@pytest.fixture
def phrases_of(tmp_path: Path, recipe_for: Make) -> Make:
    """Prepare computed phrases about a source, and return the questions about each colour of cats."""

    def run(kind: str, content: Any) -> set[str]:
        SOURCES[kind][1](content, tmp_path / "source")
        label = {"label": "class"} if kind == "via" else {}
        source = SETTINGS.get(kind, {}) | label | {"path": str(tmp_path / "source")}
        prepare_dataset(recipe_for(kind, source, prompt="relation", language="en", val_ratio=0.0))
        lines = (tmp_path / "dataset/train.jsonl").read_text(encoding="utf-8").splitlines()
        records = [parse_record(json.loads(line)) for line in lines]
        return {word for record in records for word in record.turns[1].text.split() if word in COLORS}

    return run


@pytest.mark.parametrize("stated", STATED)
def test_attributes_of_objects_are_in_computed_phrases(stated: str, phrases_of: Make) -> None:
    kind, state = STATED[stated]
    content = SOURCES[kind][0]()
    for n, color in zip(range(IMAGES), COLORS, strict=True):
        state(content, n, {"color": f" {color} " if kind == "cvat" else color, "seats": "4"})
    assert phrases_of(kind, content) == set(COLORS)


def test_choices_of_which_one_does_not_hold_alone_are_no_attributes(phrases_of: Make) -> None:
    content = SOURCES["label_studio"][0]()
    for n, color in zip(range(IMAGES), COLORS, strict=True):
        label_studio(content, n, {"color": color})
    content[0]["annotations"][0]["result"][-1]["value"]["choices"] = ["red", "black"]
    label_studio(content, 1, {"color": "black"})  # a second result says something else of the same region
    assert phrases_of("label_studio", content) == {"blue", "white"}


def test_parts_of_an_object_have_the_attributes_on_which_they_agree(phrases_of: Make) -> None:
    content = SOURCES["labelme"][0]()
    part = {"label": "cat", "shape_type": "polygon", "group_id": 1, "flags": {}}
    for n, colors in enumerate((("red", "green"), ("blue", "blue"), ("white", None), (None, None))):
        content[n]["shapes"] = [
            part | {"points": points, "attributes": {"color": color}}
            for points, color in zip(
                ([[2, 2], [9, 2], [9, 9]], [[12, 2], [19, 2], [19, 9]]), colors, strict=True
            )
        ]
    assert phrases_of("labelme", content) == {"blue", "white"}
