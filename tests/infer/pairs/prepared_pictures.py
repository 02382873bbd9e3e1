"""The data set that tests of pairs ask about: twelve drawn pictures, prepared."""

from pathlib import Path
from typing import Any

from prepare.pipeline import prepare_dataset
from prepare.recipe import PrepareRecipe
from prepare.sources.source_settings import SourceSettings
from tests.infer.asking.candidates.test_given_candidates import drawn_source


def prepare_pictures(folder: Path, **keys: Any) -> Path:
    """Return a data set of `drawn_source` in a folder; `keys` are those of the prepare recipe."""
    source, _ = drawn_source(folder / "source")
    prepare_dataset(
        PrepareRecipe(
            source=SourceSettings(kind="coco_json", path=str(source)),
            categories="source",
            output_dir=str(folder / "data"),
            total_samples=None,
            **keys,
        )
    )
    return folder / "data"
