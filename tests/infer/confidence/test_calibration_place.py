from pathlib import Path

import pytest

from grounding.errors import UserError
from infer.confidence.calibration_place import calibration_path, model_identity
from infer.engines.checkpoint import Checkpoint
from infer.engines.settings import EngineSettings

MODEL = Checkpoint(Path("base"), None, Path("base"))
ADAPTED = Checkpoint(Path("base"), Path("run"), Path("run"))
SERVED = EngineSettings(engine="openai", base_url="http://127.0.0.1:8008/v1", model="tiny")


def test_it_lies_beside_the_weights_that_were_trained() -> None:
    settings = EngineSettings(checkpoint="x")
    assert calibration_path(settings, MODEL) == Path("base/calibration.json")
    assert calibration_path(settings, ADAPTED) == Path("run/calibration.json")


def test_a_key_names_another_file() -> None:
    settings = EngineSettings(checkpoint="x", calibration="else/where.json")
    assert calibration_path(settings, MODEL) == Path("else/where.json")


def test_a_server_without_a_folder_needs_the_key() -> None:
    with pytest.raises(UserError, match="calibration: set it"):
        calibration_path(SERVED, None)


def test_a_model_without_a_folder_is_known_by_its_name() -> None:
    assert model_identity(SERVED, None) == "server's tiny"
