"""Values of other types in any source: the untouched entries are prepared, or one line says why not."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grounding.errors import UserError
from prepare.check.dataset import check_dataset
from prepare.pipeline import prepare_dataset
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

DEEP: Any = json.loads("[" * 70 + "]" * 70)
STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 5, 1.5, -0.0, 1e308, float("inf"), float("-inf"), float("nan")),
    *(10**18, 10**400, -(10**400), 10**4400),
    *("", " ", "5", "cat", "NaN", "x" * 3000, "\x00", "half \ud83d", "../0.png", "/etc/hostname", "<bbox>"),
    *([], [[]], [1, 2], ["a"], [None] * 4, {}, {"a": 1}, {"id": []}, DEEP),
)


def grid_box(number: int) -> tuple[int, ...]:
    scale = (WIDTH, HEIGHT, WIDTH, HEIGHT)
    return tuple(round(value * 1000 / side) for value, side in zip(box_of(number), scale, strict=True))


GRID_BOXES = [grid_box(number) for number in range(IMAGES)]


def read_boxes(dataset: Path) -> set[tuple[int, ...]]:
    """Return the boxes of a data set's answers; each image of the source has another one."""
    rows = [
        json.loads(line)
        for split in ("train", "val")
        for line in (dataset / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    return {tuple(box) for row in rows for box in row.get("objects", {}).get("bbox", ())}


def entry_of(kind: str, place: tuple[Any, ...]) -> set[int] | None:
    """Return the images whose entry a place lies in; None where it concerns all of them."""
    if kind in ("coco_json", "yolo"):
        is_entry = len(place) > 1 and place[0] in ("images", "annotations", "labels")
        return {place[1]} if is_entry else None
    if kind == "refcoco":
        place = place[1:] if place[:1] == ("instances",) else place
        is_entry = len(place) > 1 and place[0] in ("images", "annotations", "refs")
        return {place[1]} if is_entry else None
    if kind == "via":
        return {int(str(place[0])[0])} if place else None
    return {place[0]} if place else None


def prepare(kind: str, content: Any, place: Path, recipe_for: Make) -> Path | None:
    """Return the prepared data set; None where the source was refused."""
    try:
        SOURCES[kind][1](content, place / "source")
    except (pa.ArrowException, OverflowError, UnicodeEncodeError, ValueError):
        return None  # this format cannot hold the value at all
    categories = ["cat", "dog"] if kind == "coco_parquet" else "source"
    asks = {"prompt": "expression"} if kind in EXPRESSION_KINDS else {}
    source = SETTINGS.get(kind, {}) | {"path": str(place / "source")}
    output = place / "dataset"
    recipe = recipe_for(
        kind,
        source,
        categories=categories,
        output_dir=str(output),
        val_ratio=0.0,
        max_bad_share=1.0,
        **asks,
    )
    try:
        prepare_dataset(recipe)
    except UserError:
        assert not (output / "train.jsonl").exists()
        return None
    return output


@pytest.mark.parametrize("kind", SOURCES)
def test_untouched(kind: str, tmp_path: Path, recipe_for: Make) -> None:
    output = prepare(kind, SOURCES[kind][0](), tmp_path, recipe_for)
    assert output is not None
    assert read_boxes(output) == set(GRID_BOXES)


@pytest.mark.parametrize("kind", SOURCES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_other_types(kind: str, tmp_path: Path, recipe_for: Make, data: st.DataObject) -> None:
    content = SOURCES[kind][0]()
    touched: set[int] | None = set()
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.sampled_from(list(places_in(content))))
        images = entry_of(kind, place)
        touched = None if touched is None or images is None else touched | images
        content = replaced(content, place, data.draw(st.sampled_from(STRANGE)))
    output = prepare(kind, content, Path(tempfile.mkdtemp(dir=tmp_path)), recipe_for)
    if output is None:
        return
    found = read_boxes(output)
    if touched is not None:
        untouched = {GRID_BOXES[number] for number in range(IMAGES) if number not in touched}
        assert untouched <= found
    assert json.loads((output / "annotations_val.json").read_text(), parse_constant=pytest.fail)
    assert check_dataset(output).errors == 0
