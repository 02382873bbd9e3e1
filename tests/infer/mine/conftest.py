from pathlib import Path

import pytest

from infer.mine.mine_settings import MineSettings
from infer.mine.mining import mine
from tests.infer.mine.stubborn_engine import StubbornEngine, write_mined_source


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The data set of StubbornEngine."""
    return write_mined_source(tmp_path / "data")


@pytest.fixture
def mined(tmp_path: Path, source: Path, checkpoint: Path) -> Path:
    """What is mined of it."""
    settings = MineSettings(answers=2, batch_size=2, output_dir=str(tmp_path / "hard"))
    mine(str(checkpoint), source, settings, lambda _: StubbornEngine())
    return tmp_path / "hard"
