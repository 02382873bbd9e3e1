"""What a data set of PaddleFormers is measured as, and what is kept of it for the next start."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import paddleformers
import pytest
import yaml
from PIL import Image

from grounding.layout import TOKEN_LENGTHS_FILE
from tests.train.lengths.odd_records import write_records
from train.launch.trainer_log import MEASURED
from train.lengths import measured_datasets
from train.lengths.measured_datasets import measured_records
from train.lengths.record_meter import RecordMeter
from train.preflight.encode import quiet_encoding
from train.preflight.run_data import training_dataset
from train.recipe import TrainRecipe

COUNT = 40
Open = Callable[..., Any]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_records(tmp_path / "data", COUNT)


@pytest.fixture
def open_dataset(make_recipe: Callable[..., Path], data: Path) -> Open:
    """Make the data set of a run on the records, with changes of its recipe."""

    def open_one(**changes: object) -> Any:
        values = yaml.safe_load(make_recipe(train_dataset_path=str(data), **changes).read_text())
        with quiet_encoding():
            return training_dataset(TrainRecipe(values), COUNT)

    return open_one


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The records whose text was encoded to measure them."""
    records: list[Any] = []
    measure = RecordMeter._measure

    def spy(self: RecordMeter, example: Any, *rest: Any, **options: Any) -> int:
        records.append(example)
        return measure(self, example, *rest, **options)

    monkeypatch.setattr(RecordMeter, "_measure", spy)
    return records


def lengths(dataset: Any) -> list[int]:
    """Return how long the data set says that its records are; 0 for those that it drops."""
    found = []
    with quiet_encoding():
        for example in dataset.mix_datasets.data:
            try:
                sequence = dataset._current_processor_func(example, 1)
            except Exception:  # noqa: BLE001 (as PaddleFormers does)
                sequence = None
            found.append(len(sequence.token_ids) if sequence else 0)
    return found


def measured_lengths(dataset: Any, data: Path) -> list[int]:
    with measured_records(dataset, [data]):
        return lengths(dataset)


def test_measuring_decodes_no_image_and_finds_the_lengths_of_training(
    open_dataset: Open, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.init()  # Pillow's modules decode images of their own when they are imported
    decoded = []
    load = Image.Image.load
    monkeypatch.setattr(Image.Image, "load", lambda image: decoded.append(image) or load(image))
    found = measured_lengths(open_dataset(max_seq_len=200), data)
    assert decoded == []
    assert found == lengths(open_dataset(max_seq_len=200))
    assert decoded
    assert found.count(0) > 6
    assert len(set(found)) > 10


def test_the_data_set_is_as_before_afterwards(open_dataset: Open, data: Path) -> None:
    dataset = open_dataset()
    own = dataset._current_processor_func, dataset.dataset_num_proc, dataset.max_seq_len
    before = json.dumps(dataset.mix_datasets.data)
    measured_lengths(dataset, data)
    assert (dataset._current_processor_func, dataset.dataset_num_proc, dataset.max_seq_len) == own
    assert "_get_mm_inputs" not in vars(dataset.template.mm_plugin)
    assert json.dumps(dataset.mix_datasets.data) == before


def test_nothing_is_measured_twice(open_dataset: Open, data: Path, measured: list[Any]) -> None:
    first = measured_lengths(open_dataset(), data)
    assert len(measured) > COUNT - 5
    measured.clear()
    assert measured_lengths(open_dataset(), data) == first
    # Another limit needs no other lengths, another seed takes the records in another order.
    shorter = measured_lengths(open_dataset(max_seq_len=100), data)
    assert shorter == lengths(open_dataset(max_seq_len=100)) != first
    measured_lengths(open_dataset(seed=7), data)
    # A record that fails is tried at each start: its image may be there by now.
    assert {example["images"][0].split("/")[-1] for example in measured} <= {"broken.png", "9.png"}


def change_template(dataset: Any, data: Path) -> None:
    dataset.template = replace(dataset.template, chat_sep="<|im_end|>")


def change_tokenizer(dataset: Any, data: Path) -> None:
    dataset.tokenizer.add_tokens(["red square"])


def change_limits(dataset: Any, data: Path) -> None:
    dataset.processor.image_processor.size["longest_edge"] = 1024
    dataset.processor.image_processor.max_pixels = 1024


def change_patches(dataset: Any, data: Path) -> None:
    dataset.processor.image_processor.patch_size = 16


@pytest.mark.parametrize("change", [change_template, change_tokenizer, change_limits, change_patches])
def test_other_settings_are_measured_anew(
    open_dataset: Open, data: Path, measured: list[Any], change: Callable[[Any, Path], None]
) -> None:
    first = measured_lengths(open_dataset(), data)
    measured.clear()
    changed = open_dataset()
    change(changed, data)
    found = measured_lengths(changed, data)
    assert len(measured) > COUNT - 5
    own = open_dataset()
    change(own, data)
    assert found == lengths(own)
    assert change is change_template or found != first
    measured.clear()
    assert measured_lengths(open_dataset(), data) == first, "the lengths of other settings are kept, too"
    assert len(measured) < 5


def test_another_paddleformers_measures_anew(
    open_dataset: Open, data: Path, measured: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured_lengths(open_dataset(), data)
    measured.clear()
    monkeypatch.setattr(paddleformers, "__version__", "1.2.1")
    measured_lengths(open_dataset(), data)
    assert len(measured) > COUNT - 5


def test_only_records_that_changed_are_measured_anew(
    open_dataset: Open, data: Path, measured: list[Any]
) -> None:
    measured_lengths(open_dataset(), data)
    measured.clear()
    rows = data.read_text().splitlines()
    Image.new("RGB", (200, 100)).save(data.parent / "images" / "20.png")
    rows[21] = rows[21].replace("red square", "red circle")
    data.write_text("\n".join([*rows[:30], *rows[31:]]))
    found = measured_lengths(open_dataset(), data)
    assert found == lengths(open_dataset())
    names = {Path(example["images"][0]).name for example in measured}
    assert names - {"broken.png", "9.png"} == {"20.png", "21.png"}
    kept = json.loads((data.parent / TOKEN_LENGTHS_FILE).read_text())["lengths"]
    assert [len(each) for each in kept.values()] == [COUNT - 1 - 3], "three fail, one is gone"


def test_a_folder_that_cannot_be_written_is_no_hindrance(
    open_dataset: Open, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(measured_datasets, "_say", said.append)
    (data.parent / TOKEN_LENGTHS_FILE).mkdir()
    (data.parent / TOKEN_LENGTHS_FILE / "something").write_text("")
    assert measured_lengths(open_dataset(), data) == lengths(open_dataset())
    assert any("not kept for the next start" in line for line in said)
    assert not list(data.parent.glob(".*.part"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes into every folder")
def test_a_read_only_folder_is_no_hindrance(open_dataset: Open, data: Path) -> None:
    data.parent.chmod(0o555)
    try:
        assert measured_lengths(open_dataset(), data) == lengths(open_dataset())
    finally:
        data.parent.chmod(0o755)
    assert not (data.parent / TOKEN_LENGTHS_FILE).exists()


@pytest.mark.parametrize("content", ["{", '{"format": 1, "lengths": {"x": 1}}', ""])
def test_a_file_of_others_is_replaced(open_dataset: Open, data: Path, content: str) -> None:
    (data.parent / TOKEN_LENGTHS_FILE).write_text(content)
    found = measured_lengths(open_dataset(), data)
    assert found == lengths(open_dataset())
    assert json.loads((data.parent / TOKEN_LENGTHS_FILE).read_text())["format"] == 1


def test_lengths_are_the_same_where_image_tokens_cannot_be_left_out(
    open_dataset: Open, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train.lengths.record_meter._is_one_token", lambda *names: False)
    assert measured_lengths(open_dataset(), data) == lengths(open_dataset())


@pytest.mark.parametrize(
    "change",
    [
        lambda dataset: setattr(dataset, "is_pretraining", True),
        lambda dataset: setattr(dataset, "template_backend", "jinja"),
        lambda dataset: setattr(dataset, "use_template", False),
        lambda dataset: setattr(dataset.processor.image_processor, "do_resize", False),
        lambda dataset: setattr(dataset, "template", replace(dataset.template, mm_plugin=None)),
    ],
)
def test_other_data_sets_encode_their_records(
    open_dataset: Open, data: Path, change: Callable[[Any], None]
) -> None:
    dataset = open_dataset()
    change(dataset)
    own = dataset._current_processor_func
    with measured_records(dataset, [data]):
        assert dataset._current_processor_func == own
    assert not (data.parent / TOKEN_LENGTHS_FILE).exists()


def test_progress_is_said(open_dataset: Open, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(measured_datasets, "_say", said.append)
    monkeypatch.setattr(measured_datasets, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(measured_datasets, "BETWEEN_SECONDS", 0.0)
    measured_lengths(open_dataset(), data)
    assert said[:2] == [f"1 of {COUNT} records", f"2 of {COUNT} records"]
    assert len(said) == COUNT + 1
    shown = MEASURED.search(f"token lengths: {said[0]}")
    assert shown, "the bar of the launch reads what the training process says"
    assert shown.groups() == ("1", str(COUNT))
