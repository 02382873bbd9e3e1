"""Tiny sources in the layout of detection-datasets/coco."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from prepare.recipe import PrepareRecipe
from prepare.shapes.parquet import SCHEMA
from prepare.sources.source_settings import SourceSettings

Row = dict[str, Any]


@pytest.fixture
def png() -> Callable[..., bytes]:
    def make(width: int = 40, height: int = 20, image_format: str = "PNG", **options: Any) -> bytes:
        buffer = io.BytesIO()
        Image.new("RGB", (width, height), (9, 99, 199)).save(buffer, image_format, **options)
        return buffer.getvalue()

    return make


@pytest.fixture
def make_row(png: Callable[..., bytes]) -> Callable[..., Row]:
    """Make a row of a 40x20 image with one good box, or with what the test gives."""

    def make(image_id: int, **changes: Any) -> Row:
        objects = changes.pop("objects", [(0, [4.0, 2.0, 20.0, 10.0], 128.0)])
        return {
            "image_id": image_id,
            "image": {"bytes": png(), "path": f"{image_id}.png"},
            "width": 40,
            "height": 20,
            "objects": {
                "bbox_id": list(range(len(objects))),
                "category": [index for index, _, _ in objects],
                "bbox": [box for _, box, _ in objects],
                "area": [area for _, _, area in objects],
            },
        } | changes

    return make


@pytest.fixture
def write_rows() -> Callable[..., Path]:
    def write(path: Path, rows: list[Row], row_group_size: int = 7) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, SCHEMA), path, row_group_size=row_group_size)
        return path

    return write


@pytest.fixture
def make_recipe(tmp_path: Path) -> Callable[..., PrepareRecipe]:
    """Make a recipe that reads tmp_path/source and writes tmp_path/dataset."""

    def make(source: Path | None = None, **changes: Any) -> PrepareRecipe:
        place = SourceSettings(hub="local", path=str(source or tmp_path / "source"))
        settings: dict[str, Any] = {
            "source": place,
            "categories": ["cat", "dog"],
            "output_dir": str(tmp_path / "dataset"),
            "total_samples": 10,
            "val_ratio": 0.2,
        }
        return PrepareRecipe(**(settings | changes))

    return make


@pytest.fixture
def read_folder() -> Callable[[Path], dict[str, bytes]]:
    """Return all files of a folder by relative path."""

    def read(folder: Path) -> dict[str, bytes]:
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    return read
