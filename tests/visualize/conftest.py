import pytest

from tests.infer.mine.stubborn_engine import mine_in, write_mined_source
from tests.visualize.samples import prediction, write_dataset, write_run


@pytest.fixture
def dataset(tmp_path):
    write_dataset(tmp_path / "data", (7, 3, 5))
    return tmp_path / "data"


@pytest.fixture
def run(tmp_path, dataset):
    rows = [prediction(3), prediction(7), prediction(5, (40, 30, 60, 40))]
    write_run(tmp_path / "run", dataset, rows)
    return tmp_path / "run"


@pytest.fixture
def mined(tmp_path):
    """A mined data set, of the one in data/."""
    write_mined_source(tmp_path / "data")
    checkpoint = tmp_path / "model"
    checkpoint.mkdir()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "preprocessor_config.json"):
        (checkpoint / name).write_text("{}", encoding="utf-8")
    (checkpoint / "model.safetensors").write_bytes(b"weights")
    return mine_in(tmp_path, checkpoint)
