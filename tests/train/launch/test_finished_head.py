import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grounding.errors import UserError
from grounding.layout import BOX_HEAD_FILE, BOX_HEAD_FOLDER
from models.folder_files import fingerprint_model
from models.heads.box_file import load_box_head, read_box_head
from train.launch.finished_head import finish_head, remove_head
from train.objectives.joint_head.growing_head import STATE_FILE, GrowingHead, save_state
from train.objectives.joint_head.joint_settings import JointSettings

WIDTH = 128


@pytest.fixture
def run(tmp_path: Path, tiny_model: Path) -> Path:
    """A finished run with a head that has learned, as the training process leaves it."""
    folder = tmp_path / "run"
    folder.mkdir()
    for file in tiny_model.iterdir():
        (folder / file.name).symlink_to(file)
    head = GrowingHead(WIDTH, JointSettings(hidden=3), 1)
    head.counts[:] = (7, 50, 40)
    head.measured[:2] = (0.5, 0.25)
    head.variance.set_value(head.variance + 4.0)
    save_state(head, folder / BOX_HEAD_FOLDER / STATE_FILE)
    return folder


def values(data: Path, **changes: Any) -> dict[str, Any]:
    return {"grounding_box_head": {"hidden": 3}, "train_dataset_path": str(data / "train.jsonl"), **changes}


def test_the_file_belongs_to_the_run_and_its_data(run: Path, prepared_data: Path) -> None:
    finish_head(values(prepared_data), run)
    head = load_box_head(run / BOX_HEAD_FOLDER / BOX_HEAD_FILE, fingerprint_model(run, None, run))
    assert (head.card.family, head.card.width, head.card.hidden) == ("qwen3_vl", WIDTH, 3)
    assert (head.card.boxes, head.card.matched, head.card.dataset) == (50, 40, "none")
    assert head.card.measured == {"fit_loss": 0.5, "match_loss": 0.25}
    assert head.card.settings["steps"] == 7
    assert head.weights["scale"][:3].tolist() == [2.0, 2.0, 2.0]
    assert [path.name for path in (run / BOX_HEAD_FOLDER).iterdir()] == [BOX_HEAD_FILE]
    before = (run / BOX_HEAD_FOLDER / BOX_HEAD_FILE).read_bytes()
    finish_head(values(prepared_data), run)  # nothing is left to do
    assert (run / BOX_HEAD_FOLDER / BOX_HEAD_FILE).read_bytes() == before


def test_an_adapters_head_belongs_to_it_and_its_base(
    run: Path, tiny_model: Path, prepared_data: Path
) -> None:
    for path in run.glob("model*.safetensors*"):
        path.unlink()
    (run / "lora_config.json").write_text(
        json.dumps({"base_model_name_or_path": str(tiny_model), "scaling": 2.0})
    )
    (run / "peft_model-00001-of-00001.safetensors").write_bytes(b"adapter")
    finish_head(values(prepared_data), run)
    head = read_box_head(run / BOX_HEAD_FOLDER / BOX_HEAD_FILE)
    assert head.card.checkpoint == fingerprint_model(tiny_model, run, run)


def test_files_without_a_card_are_told_by_their_bytes(run: Path, drawn_data: Path, tmp_path: Path) -> None:
    for name in ("one.jsonl", "two.jsonl"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    paths = f"{tmp_path / 'one.jsonl'},{tmp_path / 'two.jsonl'}"
    finish_head(values(drawn_data, train_dataset_path=paths), run)
    assert len(read_box_head(run / BOX_HEAD_FOLDER / BOX_HEAD_FILE).card.dataset) == 64


def test_without_the_key_or_a_state_nothing_is_written(
    run: Path, prepared_data: Path, tmp_path: Path
) -> None:
    finish_head(values(prepared_data, grounding_box_head=False), run)
    finish_head(values(prepared_data), tmp_path / "elsewhere")
    assert [path.name for path in (run / BOX_HEAD_FOLDER).iterdir()] == [STATE_FILE]


def test_a_state_that_is_not_whole_is_refused(run: Path, prepared_data: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"counts": np.zeros(3), "measured": np.zeros(4)}, run / BOX_HEAD_FOLDER / STATE_FILE)
    with pytest.raises(UserError, match="train again with overwrite_output_dir=true"):
        finish_head(values(prepared_data), run)


def test_an_earlier_head_is_removed(run: Path, prepared_data: Path) -> None:
    finish_head(values(prepared_data), run)
    remove_head(run)
    assert not (run / BOX_HEAD_FOLDER).exists()
    remove_head(run)
