from pathlib import Path

import pytest

from grounding.errors import UserError
from grounding.layout import (
    dataset_of_checkpoint,
    dataset_of_predictions,
    find_predictions_file,
    named_dataset,
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder whose infer.yaml names a data set."""
    folder = tmp_path / "eval"
    folder.mkdir()
    (folder / "infer.yaml").write_text("dataset: data/mine\nsplit: val\nlimit: null\n", encoding="utf-8")
    return folder


def test_infer_yaml_names_the_data_set_of_a_file_and_of_its_folder(run: Path) -> None:
    for predictions in (run, run / "predictions.jsonl"):
        assert dataset_of_predictions(predictions) == named_dataset(predictions) == Path("data/mine")
        assert dataset_of_predictions(predictions, Path("other")) == Path("other")


def test_without_a_named_data_set_the_option_is_asked_for(tmp_path: Path) -> None:
    assert named_dataset(tmp_path) is None
    assert dataset_of_predictions(tmp_path, Path("mine")) == Path("mine")
    with pytest.raises(UserError, match=r"no infer\.yaml that names the data set: add --dataset DIR"):
        dataset_of_predictions(tmp_path / "predictions.jsonl")
    (tmp_path / "infer.yaml").write_text("dataset: null\n", encoding="utf-8")
    with pytest.raises(UserError, match="add --dataset DIR"):
        dataset_of_predictions(tmp_path)


@pytest.mark.parametrize("given", [None, Path("mine")])
def test_answers_about_another_split_have_no_truth(run: Path, given: Path | None) -> None:
    (run / "infer.yaml").write_text("dataset: data/mine\nsplit: train\n", encoding="utf-8")
    with pytest.raises(UserError, match="made of the train split: only val has annotations"):
        dataset_of_predictions(run, given)


def test_a_folder_stands_for_its_predictions_file(run: Path) -> None:
    assert find_predictions_file(run) == run / "predictions.jsonl"
    assert find_predictions_file(run / "mine.jsonl") == run / "mine.jsonl"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("train_dataset_path: data/a/train.jsonl", Path("data/a")),
        ("train_dataset_path: data/a/train.jsonl, data/b/train.jsonl", Path("data/a")),
        ("train_dataset_path: null", None),
        ("seed: 1", None),
    ],
)
def test_train_yaml_names_the_data_set_of_a_checkpoint(
    tmp_path: Path, content: str, expected: Path | None
) -> None:
    (tmp_path / "train.yaml").write_text(content + "\n", encoding="utf-8")
    (tmp_path / "export").mkdir()
    assert dataset_of_checkpoint(tmp_path) == dataset_of_checkpoint(tmp_path / "export") == expected
    assert dataset_of_checkpoint(tmp_path.parent) is None


def test_a_recipe_of_a_stranger_reads_no_environment(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hidden")
    (run / "infer.yaml").write_text("dataset: ${oc.env:SECRET}\nsplit: ${nowhere}\n", encoding="utf-8")
    assert named_dataset(run) == Path("${oc.env:SECRET}")
    (run / "infer.yaml").write_text("dataset: [a, {b: c}]\n", encoding="utf-8")
    assert named_dataset(run) is None
    (run / "train.yaml").write_text("train_dataset_path: ${oc.env:SECRET}/train.jsonl\n", encoding="utf-8")
    assert dataset_of_checkpoint(run) == Path("${oc.env:SECRET}")
