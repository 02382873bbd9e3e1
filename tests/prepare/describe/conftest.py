"""A prepared data set of drawn shapes, a teacher that knows it, and the command's settings."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grounding.recipe.loading import load_recipe
from prepare.describe.describe_settings import DescribeSettings
from prepare.pipeline import prepare_dataset
from prepare.recipe import PrepareRecipe
from prepare.shapes.scenes import ShapeSettings
from prepare.shapes.source_files import write_source
from tests.prepare.describe.fake_teacher import CHINESE, FakeTeacher

ROOT = Path(__file__).parents[3]
IMAGES, VAL_IMAGES = 8, 4


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of 8 training and 4 validation images, each with up to three shapes of different kinds."""
    folder = tmp_path_factory.mktemp("describe")
    drawn = ShapeSettings(
        images=IMAGES, val_images=VAL_IMAGES, image_size=160, max_objects=3, classes=list(CHINESE)
    )
    write_source(folder / "source", drawn)
    words = [
        f"source.path={folder / 'source'}",
        f"output_dir={folder / 'shapes'}",
        f"categories=[{','.join(CHINESE)}]",
    ]
    prepare_dataset(load_recipe(PrepareRecipe, ROOT / "recipes/prepare/demo.yaml", words))
    return folder / "shapes"


@pytest.fixture
def teacher(tmp_path: Path, shapes: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTeacher]:
    monkeypatch.setattr("grounding.remote.chat_client.SHORTEST_PAUSE", 0.01)
    with FakeTeacher(tmp_path / "received", shapes) as running:
        yield running


@pytest.fixture
def settings(teacher: FakeTeacher, tmp_path: Path) -> Callable[..., DescribeSettings]:
    """Make settings for the teacher, with changes; keys of text and cycle as text_KEY and cycle_KEY."""

    def make(**changes: Any) -> DescribeSettings:
        parts: dict[str, dict[str, Any]] = {"text": {}, "cycle": {}}
        plain: dict[str, Any] = {"samples": 2, "retries": 2, "timeout": 30.0, "concurrency": 4}
        for key, value in changes.items():
            part, _, name = key.partition("_")
            if part in parts and name:
                parts[part][name] = value
            else:
                plain[key] = value
        made = DescribeSettings(base_url=teacher.url, model="teacher", output_dir=str(tmp_path / "described"))
        nested = {part: replace(getattr(made, part), **values) for part, values in parts.items()}
        return replace(made, **{**plain, **nested})

    return make
