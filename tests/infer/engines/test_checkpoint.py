import json
from pathlib import Path

import pytest

from grounding.errors import UserError
from infer.engines.checkpoint import find_checkpoint, fingerprint_checkpoint


def make_model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "preprocessor_config.json"):
        (folder / name).write_text("{}", encoding="utf-8")
    (folder / "model-00001-of-00001.safetensors").write_bytes(bytes(range(256)) * 4096 * 8)
    return folder


def make_adapter(folder: Path, base: Path | None) -> Path:
    folder.mkdir()
    config = {"base_model_name_or_path": None if base is None else str(base)}
    (folder / "lora_config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "peft_model-00001-of-00001.safetensors").write_bytes(b"adapter")
    index = {"weight_map": {"a": "peft_model-00001-of-00001.safetensors"}}
    (folder / "peft_model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    return folder


def test_an_adapter_is_found_with_its_base(tmp_path: Path) -> None:
    base = make_model(tmp_path / "base")
    adapter = make_adapter(tmp_path / "lora", base)
    checkpoint = find_checkpoint(adapter)
    assert (checkpoint.model, checkpoint.adapter, checkpoint.processor) == (base, adapter, base)
    for name in ("tokenizer.json", "tokenizer_config.json", "preprocessor_config.json"):
        (adapter / name).write_text("{}", encoding="utf-8")
    assert find_checkpoint(adapter).processor == adapter  # what the run saved has the training's resolution


def test_an_adapter_without_its_index_is_refused(tmp_path: Path) -> None:
    """PaddleFormers would load the base model alone, with one line in its log."""
    adapter = make_adapter(tmp_path / "lora", make_model(tmp_path / "base"))
    index = adapter / "peft_model.safetensors.index.json"
    index.write_text('{"weight_map": {"a": "other.safetensors"}}', encoding="utf-8")
    with pytest.raises(UserError, match=r"no other\.safetensors, which peft_model\.safetensors\.index\.json"):
        find_checkpoint(adapter)
    index.unlink()
    with pytest.raises(UserError, match=r"lora: no peft_model\.safetensors\.index\.json: copy it"):
        find_checkpoint(adapter)


def test_a_moved_base_can_be_named(tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path / "lora", tmp_path / "gone")
    with pytest.raises(UserError, match=r"no base model folder .*set base_checkpoint="):
        find_checkpoint(adapter)
    base = make_model(tmp_path / "base")
    assert find_checkpoint(adapter, base).model == base
    with pytest.raises(UserError, match="base_checkpoint is set"):
        find_checkpoint(base, base)


def test_an_unfinished_run_is_told_from_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such checkpoint folder"):
        find_checkpoint(tmp_path / "nowhere")
    with pytest.raises(UserError, match="train first"):
        find_checkpoint(tmp_path)
    (tmp_path / "checkpoint-100").mkdir()
    with pytest.raises(UserError, match="has not finished"):
        find_checkpoint(tmp_path)
    with pytest.raises(UserError, match="for resuming a training"):
        find_checkpoint(tmp_path / "checkpoint-100")


@pytest.mark.parametrize("read_whole", [1 << 26, 1 << 20])
def test_the_fingerprint_follows_the_weights_not_the_place(
    tmp_path: Path, read_whole: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.folder_files.READ_WHOLE", read_whole)
    first = fingerprint_checkpoint(find_checkpoint(make_model(tmp_path / "a")))
    copy = make_model(tmp_path / "b")
    assert fingerprint_checkpoint(find_checkpoint(copy)) == first
    weights = copy / "model-00001-of-00001.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + b"x")
    assert fingerprint_checkpoint(find_checkpoint(copy)) != first
    weights.write_bytes(content)
    (copy / "preprocessor_config.json").write_text('{"size": 1}', encoding="utf-8")
    assert fingerprint_checkpoint(find_checkpoint(copy)) != first


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "model")
    shards = {"a": "model-00001-of-00001.safetensors", "b": "model-00002-of-00002.safetensors"}
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": shards}), encoding="utf-8")
    with pytest.raises(UserError, match=r"no model-00002-of-00002\.safetensors, which"):
        find_checkpoint(folder)
    (folder / shards["b"]).write_bytes(b"")
    assert find_checkpoint(folder).model == folder


def test_an_adapters_config_is_an_object_that_names_a_folder(tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path / "lora", tmp_path / "base")
    for content, message in (("[]", "holds list"), ('{"base_model_name_or_path": 5}', "is no text")):
        (adapter / "lora_config.json").write_text(content, encoding="utf-8")
        with pytest.raises(UserError, match=message):
            find_checkpoint(adapter)
