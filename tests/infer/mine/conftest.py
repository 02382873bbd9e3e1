from pathlib import Path

import pytest

from tests.infer.mine.stubborn_engine import mine_in, write_mined_source


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The data set of StubbornEngine."""
    return write_mined_source(tmp_path / "data")


@pytest.fixture
def mined(source: Path, checkpoint: Path) -> Path:
    """What is mined of it."""
    return mine_in(source.parent, checkpoint)
