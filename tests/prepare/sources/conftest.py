"""Real photographs in other layouts: a part of ../shared/coco_sample, converted on the fly."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from grounding.categories import COCO_CATEGORIES
from prepare.recipe import PrepareRecipe
from prepare.sources.source_settings import SourceSettings

SAMPLE = Path(__file__).parents[4] / "shared" / "coco_sample"
IMAGES = {"train": 12, "val": 6}


@dataclass(frozen=True)
class Photograph:
    """A row of the sample: boxes as absolute xyxy, labels by name."""

    image_id: int
    data: bytes
    width: int
    height: int
    boxes: list[list[float]]
    labels: list[str]
    areas: list[float]

    @property
    def grid(self) -> list[list[float]]:
        """The boxes in steps of a thousandth of each side, not rounded."""
        scale = (self.width, self.height, self.width, self.height)
        return [[value * 1000 / side for value, side in zip(box, scale, strict=True)] for box in self.boxes]


@pytest.fixture(scope="session")
def photographs() -> dict[str, list[Photograph]]:
    if not SAMPLE.is_dir():
        pytest.skip("no folder ../shared/coco_sample with photographs")
    found = {}
    for split, count in IMAGES.items():
        path = sorted(SAMPLE.glob(f"{split}-*.parquet"))[0]
        rows = next(pq.ParquetFile(path).iter_batches(batch_size=count)).to_pylist()
        found[split] = [
            Photograph(
                row["image_id"],
                row["image"]["bytes"],
                row["width"],
                row["height"],
                row["objects"]["bbox"],
                [COCO_CATEGORIES[index].name for index in row["objects"]["category"]],
                row["objects"]["area"],
            )
            for row in rows
        ]
    return found


@pytest.fixture
def recipe_for(tmp_path: Path) -> Callable[..., PrepareRecipe]:
    """Make a recipe of a kind that reads tmp_path/source and writes tmp_path/dataset."""

    def make(kind: str, source: dict[str, Any] | None = None, **changes: Any) -> PrepareRecipe:
        place = SourceSettings(kind=kind, **({"path": str(tmp_path / "source")} | (source or {})))
        settings: dict[str, Any] = {
            "source": place,
            "categories": "source",
            "output_dir": str(tmp_path / "dataset"),
            "total_samples": None,
        }
        return PrepareRecipe(**(settings | changes))

    return make


@pytest.fixture
def read_rows(tmp_path: Path) -> Callable[[str], list[dict[str, Any]]]:
    """Read the records of a split of tmp_path/dataset."""

    def read(split: str) -> list[dict[str, Any]]:
        text = (tmp_path / "dataset" / f"{split}.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    return read


@pytest.fixture
def check_split(
    tmp_path: Path, read_rows: Callable[[str], list[dict[str, Any]]]
) -> Callable[[str, list[Photograph]], None]:
    """Compare the records of a split with the photographs, image by image, by the bytes of the images."""

    def check(split: str, wanted: list[Photograph]) -> None:
        by_bytes = {photograph.data: photograph for photograph in wanted}
        rows = read_rows(split)
        assert len(rows) == len(wanted)
        for row in rows:
            photograph = by_bytes.pop((tmp_path / "dataset" / row["images"][0]).read_bytes())
            assert row["objects"]["ref"] == photograph.labels
            assert len(row["objects"]["bbox"]) == len(photograph.grid)
            for found, box in zip(row["objects"]["bbox"], photograph.grid, strict=True):
                # Half a step of rounding, and what a decimal text or a clipped pixel adds.
                assert found == pytest.approx(box, abs=0.51)
        assert not by_bytes

    return check
