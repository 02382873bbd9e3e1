"""A training from a cache has the losses of one that encodes its records."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.train.conftest import TrainTiny, logged_curve, read_losses
from train.cache.cache_making import make_cache
from train.preflight.cache_fit.record_encoder import open_encoder, settings_of_encoder
from train.recipe import TrainRecipe

TINY_RECIPE = Path(__file__).resolve().parents[3] / "recipes" / "train" / "tiny_full.yaml"


def settings_of_model(run: Path, model: Path) -> dict[str, Any]:
    """What decides the encoding of records for a model, with the keys of a run."""
    values = yaml.safe_load((run / "train.yaml").read_text(encoding="utf-8"))
    recipe = TrainRecipe({**values, "model_name_or_path": str(model)})
    return settings_of_encoder(open_encoder(recipe), recipe)


@pytest.mark.xdist_group("tiny")
def test_losses_are_equal(
    train_tiny: TrainTiny, tiny_model: Path, prepared_data: Path, tmp_path: Path
) -> None:
    encoding = train_tiny()
    said = make_cache(
        TINY_RECIPE,
        [
            f"model_name_or_path={tiny_model}",
            f"train_dataset_path={prepared_data / 'train.jsonl'}",
            f"eval_dataset_path={prepared_data / 'val.jsonl'}",
            f"grounding_cache={tmp_path}",
            "processes=1",
        ],
    )
    assert "48 records" in said
    assert "8 records" in said
    reading = train_tiny(grounding_cache=tmp_path)
    log = (reading / "logs" / "train.log").read_text(encoding="utf-8")
    assert "take_records_from_cache" in log
    assert read_losses(reading) == read_losses(encoding)
    assert len(read_losses(reading)) == 20
    assert settings_of_model(reading, reading) == settings_of_model(reading, tiny_model), (
        "a later stage reads it"
    )
    assert len(logged_curve(reading, "eval_loss")) == 2
    assert logged_curve(reading, "eval_loss") == logged_curve(encoding, "eval_loss")
