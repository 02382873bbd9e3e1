"""Out and in again by prepare's own sources: the same boxes, labels and crowds on the same pictures."""

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grounding.boxes import GRID, Box, Size
from grounding.samples import Detection, Sample
from prepare.export.export_settings import ExportSettings
from prepare.export.exporting import export_dataset
from prepare.pipeline import prepare_dataset
from prepare.recipe import PrepareRecipe
from prepare.sources.source_settings import SourceSettings
from tests.prepare.export.made_data_sets import CATEGORIES, Found, read_back, sample, write_dataset

PIXELS_OFF = {"coco_json": 1e-6, "yolo": 1e-5, "voc": 0.5, "label_studio": 1e-6, "cvat": 1e-6, "odvg": 1e-6}
"""How far a corner may move by the format, in pixels."""

HAS_CROWDS = ("coco_json", "voc")

CHECKS = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)
"""Suppressed: every example has a folder of its own, and a busy machine is no fault."""

LEAST_SIDE = 1.5
"""Pixels: above half a pixel and half a step, so that no rounding takes a box away."""


@st.composite
def detections(draw: st.DrawFn, size: Size) -> Detection:
    sides = []
    for length in (size.width, size.height):
        start = draw(st.floats(0, length - LEAST_SIDE))
        end = draw(st.floats(start + LEAST_SIDE, length)) if start + LEAST_SIDE < length else float(length)
        sides.append((start, end))
    (x1, x2), (y1, y2) = sides
    return Detection(draw(st.sampled_from(CATEGORIES)), Box(x1, y1, x2, y2))


@st.composite
def samples(draw: st.DrawFn, first: int) -> list[Sample]:
    found = []
    for number in range(first, first + draw(st.integers(1, 3))):
        size = Size(draw(st.integers(2, 400)), draw(st.integers(2, 400)))
        objects = draw(st.lists(detections(size), min_size=1, max_size=5, unique=True))
        found.append(sample(number, size, objects))
    return found


@pytest.fixture(autouse=True, scope="module")
def no_sync() -> Iterator[None]:
    """Hundreds of exports would wait for the disk of the whole machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "sync", lambda: None)
        patch.setattr(os, "fsync", lambda handle: None)
        yield


def with_crowd(item: Sample) -> Sample:
    crowd = Detection("cat", Box(0, 0, item.size.width, item.size.height))
    return sample(item.image_id, item.size, item.detections, crowds=(crowd,), crowd_areas=(1.5,))


def expected(split: Sequence[Sample], *, has_crowds: bool) -> dict[str, Found]:
    return {
        Path(item.image).name: [
            *((found.label, found.box.xyxy, False) for found in item.detections),
            *((found.label, found.box.xyxy, True) for found in (item.crowds if has_crowds else ())),
        ]
        for item in split
    }


def compare(
    found: dict[str, Found], wanted: dict[str, Found], sizes: dict[str, Size], pixels: float, steps: float
) -> None:
    assert found.keys() == wanted.keys()
    for name, rows in wanted.items():
        width, height = sizes[name].width, sizes[name].height
        off = [pixels + steps * side / GRID for side in (width, height, width, height)]
        for (label, box, is_crowd), (other_label, other, other_crowd) in zip(found[name], rows, strict=True):
            assert (label, is_crowd) == (other_label, other_crowd)
            assert all(abs(a - b) <= most + 1e-9 for a, b, most in zip(box, other, off, strict=True)), (
                box,
                other,
            )


@pytest.mark.parametrize("kind", PIXELS_OFF)
@settings(max_examples=25, deadline=None, suppress_health_check=CHECKS)
@given(train=samples(1), val=samples(101))
def test_boxes_and_labels_come_back(
    kind: str, tmp_path: Path, train: list[Sample], val: list[Sample]
) -> None:
    place = Path(tempfile.mkdtemp(dir=tmp_path))
    val = [with_crowd(item) for item in val]
    dataset = write_dataset(place / "dataset", {"train": train, "val": val})
    data = export_dataset(dataset, ExportSettings(kind, str(place / "out")))
    left = {} if kind in HAS_CROWDS else {"region marked as crowd": len(val)}
    assert dict(data.left_out) == left
    sizes = {Path(item.image).name: item.size for item in [*train, *val]}
    for split, steps in ((train, 0.5), (val, 0.0)):
        found = read_back(place / "out", kind, "val" if split is val else "train", sizes)
        compare(found, expected(split, has_crowds=kind in HAS_CROWDS), sizes, PIXELS_OFF[kind], steps)


@settings(max_examples=15, deadline=None, suppress_health_check=CHECKS)
@given(train=samples(1), val=samples(101))
def test_ms_swift_comes_back_as_the_same_records(
    tmp_path: Path, train: list[Sample], val: list[Sample]
) -> None:
    place = Path(tempfile.mkdtemp(dir=tmp_path))
    dataset = write_dataset(place / "dataset", {"train": train, "val": val})
    export_dataset(dataset, ExportSettings("ms_swift", str(place / "out")))
    prepare_dataset(
        PrepareRecipe(
            source=SourceSettings(
                kind="records",
                path=str(place / "out"),
                train_files="train.jsonl",
                val_files="val.jsonl",
                units="relative",
            ),
            categories="source",
            output_dir=str(place / "again"),
            total_samples=None,
        )
    )
    for split in ("train", "val"):
        first, again = (objects_of(folder / f"{split}.jsonl") for folder in (dataset, place / "again"))
        assert again == first


def objects_of(path: Path) -> list[tuple[str, str]]:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return sorted((json.dumps(row["messages"]), json.dumps(row.get("objects"))) for row in rows)
