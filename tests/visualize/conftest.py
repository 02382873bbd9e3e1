import pytest

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
