"""Points of sharded models and of adapters, written whole or not at all."""

import io
import json
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from grounding.errors import UserError
from models.folder_files import read_object
from tests.train.blend.conftest import numbers, write
from train.blend import blended_point
from train.blend.blended_point import POINT_FILE, check_disk, write_point
from train.blend.model_pair import open_pair
from train.blend.weight_tables import PlacedTensor, write_header
from train.export.adapter_merge import merge_file, read_deltas
from train.tiny.config_files import TinySettings
from train.tiny.model import write_tiny_model

LAYER = "model.language_model.layers.0."


def weights(folder: Path) -> dict[str, Any]:
    return {name: tensor for file in sorted(folder.glob("model*")) if file.suffix == ".safetensors"
            for name, tensor in load_file(file).items()}  # fmt: skip


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_each_tensor_lies_between_and_files_are_the_tuned_ones(
    base: Path, tuned: Path, tmp_path: Path, share: float
) -> None:
    write_point(open_pair(str(base), tuned), share, tmp_path / "point")
    found, below, above = weights(tmp_path / "point"), numbers(1), numbers(2)
    assert found.keys() == below.keys()
    for name, tensor in found.items():
        expected = np.float32(1 - share) * below[name] + np.float32(share) * above[name]
        np.testing.assert_array_equal(tensor, {0.0: below, 1.0: above}.get(share, {name: expected})[name])
    files = {path.name for path in tuned.iterdir()}
    assert {path.name for path in (tmp_path / "point").iterdir()} == files | {POINT_FILE}
    index = "model.safetensors.index.json"
    assert (tmp_path / "point" / index).read_bytes() == (tuned / index).read_bytes()


def test_what_a_killed_run_has_left_is_no_part_of_a_point(base: Path, tuned: Path, tmp_path: Path) -> None:
    left = tmp_path / ".point.part"
    left.mkdir()
    (left / "model-00003-of-00003.safetensors").write_bytes(b"half")
    (tmp_path / "point").mkdir()  # without blend.json, which is written last
    (tmp_path / "point" / "stray").write_bytes(b"")
    write_point(open_pair(str(base), tuned), 0.5, tmp_path / "point")
    files = {path.name for path in tuned.iterdir()}
    assert {path.name for path in (tmp_path / "point").iterdir()} == files | {POINT_FILE}
    assert not left.exists()


@pytest.mark.parametrize("length", range(1, 9))
def test_numbers_begin_at_a_multiple_of_eight_bytes(length: int) -> None:
    """As the format asks, so that readers can map a file into memory."""
    output, name = io.BytesIO(), "w" * length
    write_header(output, {name: PlacedTensor(Path("file"), "F32", (2,), 0, 8)})
    written = output.getvalue()
    (size,) = struct.unpack("<Q", written[:8])
    assert len(written) == 8 + size
    assert size % 8 == 0
    assert json.loads(written[8:])[name]["data_offsets"] == [0, 8]


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """An adapter on two matrices of a tiny model, one of them fused."""
    write_tiny_model(tmp_path / "tiny", TinySettings())
    config = read_object(tmp_path / "tiny" / "config.json")["text_config"]
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    made, folder = np.random.default_rng(3), tmp_path / "lora"
    factors = {
        f"{LAYER}mlp.up_gate_proj.lora_A": (hidden, 4),
        f"{LAYER}mlp.up_gate_proj.lora_B": (4, 2 * inner),
        f"{LAYER}mlp.down_proj.lora_A": (inner, 4),
        f"{LAYER}mlp.down_proj.lora_B": (4, hidden),
    }
    folder.mkdir()
    name = "peft_model-00001-of-00001.safetensors"
    save_file(
        {key: made.standard_normal(shape).astype(np.float32) for key, shape in factors.items()}, folder / name
    )
    write(folder / "peft_model.safetensors.index.json", {"weight_map": dict.fromkeys(factors, name)})
    write(folder / "lora_config.json", {"base_model_name_or_path": str(tmp_path / "tiny"), "scaling": 2.0})
    return folder


def test_a_share_of_an_adapter_is_a_blend_of_base_and_merged_model(adapter: Path, tmp_path: Path) -> None:
    tiny = tmp_path / "tiny"
    pair = open_pair(str(tiny), adapter)
    config = read_object(tiny / "config.json")["text_config"]

    def merged(run: Path, name: str) -> dict[str, Any]:
        (tmp_path / name).mkdir()
        merge_file(tiny / "model.safetensors", tmp_path / name, read_deltas(run, 2.0, config))
        return weights(tmp_path / name)

    before, after = weights(tiny), merged(adapter, "whole")
    for share in (0.0, 0.3, 0.5, 1.0):
        write_point(pair, share, tmp_path / f"point_{share}")
        found = merged(tmp_path / f"point_{share}", f"merged_{share}")
        for name, tensor in found.items():
            between = (1 - share) * before[name] + share * after[name]
            np.testing.assert_allclose(tensor, between, rtol=0, atol=2e-6 * (1 + np.abs(between).max()))
    changed = [name for name in before if not np.array_equal(before[name], after[name])]
    assert len(changed) == 3
    file = "peft_model-00001-of-00001.safetensors"
    whole = load_file(adapter / file)
    assert all(
        np.array_equal(tensor, whole[name])
        for name, tensor in load_file(tmp_path / "point_1.0" / file).items()
    )


def test_a_copy_of_the_model_that_an_adapter_was_trained_on_is_its_base(
    adapter: Path, tmp_path: Path
) -> None:
    shutil.copytree(tmp_path / "tiny", tmp_path / "copy")
    assert open_pair(str(tmp_path / "copy"), adapter).base == tmp_path / "copy"
    (tmp_path / "copy" / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match=r"its adapter was trained on .*tiny, not on .*copy"):
        open_pair(str(tmp_path / "copy"), adapter)


def test_an_adapter_of_another_model_is_refused(adapter: Path, base: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"its adapter was trained on .*tiny, not on .*base"):
        open_pair(str(base), adapter)
    (adapter / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match="BASE is an adapter"):
        open_pair(str(adapter), adapter)
    save_file({"x.bias": np.zeros(2, np.float32)}, adapter / "peft_model-00001-of-00001.safetensors")
    with pytest.raises(UserError, match=r"no lora_A or lora_B \(1, first 'x.bias'\)"):
        open_pair(str(tmp_path / "tiny"), adapter)


def test_a_full_disk_leaves_nothing(
    base: Path, tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = open_pair(str(base), tuned)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(blended_point, "write_header", full)
    with pytest.raises(UserError, match="No space left"):
        write_point(pair, 0.5, tmp_path / "points" / "alpha_0.5")
    assert list((tmp_path / "points").iterdir()) == []
    monkeypatch.setattr(blended_point, "SPARE_BYTES", 1 << 60)
    with pytest.raises(UserError, match=r"disk: 2 points of 0\.00 GB at a time, .* GB are free: keep fewer"):
        check_disk(tmp_path / "none" / "yet", pair, 2)
