import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from grounding.errors import UserError
from train.tiny.__main__ import main
from train.tiny.config_files import TinySettings
from train.tiny.model import write_tiny_model


def contents(folder: Path) -> dict[str, bytes]:
    """What the command has written; Paddle adds an index of the weights when it loads them."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".metadata"}


def test_same_seed_gives_the_same_bytes_in_another_process(tiny_model: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "train.tiny", tmp_path / "again"], check=True)
    assert contents(tiny_model) == contents(tmp_path / "again")


def test_another_seed_changes_the_weights_alone(tiny_model: Path, tmp_path: Path) -> None:
    write_tiny_model(tmp_path, TinySettings(seed=1))
    before, after = contents(tiny_model), contents(tmp_path)
    assert [name for name in before if before[name] != after[name]] == ["model.safetensors"]


def test_an_index_of_other_weights_is_removed(tmp_path: Path) -> None:
    (tmp_path / "flex-ckpt.auto_generated.metadata").write_bytes(b"of another model")
    write_tiny_model(tmp_path)
    assert not list(tmp_path.glob("*.metadata"))


def test_size_is_that_of_a_tiny_model(tiny_model: Path) -> None:
    weights = load_file(tiny_model / "model.safetensors")
    assert 0.5e6 < sum(weight.size for weight in weights.values()) < 2e6
    assert {weight.dtype for weight in weights.values()} == {np.dtype("float32")}


def test_pixel_limits_are_written(tmp_path: Path) -> None:
    assert main([str(tmp_path), "max_pixels=16384"]) == 0
    size = json.loads((tmp_path / "preprocessor_config.json").read_text())["size"]
    assert size == {"longest_edge": 16384, "shortest_edge": 1024}
    assert size["shortest_edge"] <= 64 * 64


@pytest.mark.parametrize("words", [["max_pixel=1"], ["max_pixels=many"], ["max_pixels=1"], ["seed=1.5"]])
def test_bad_settings_are_refused(tmp_path: Path, words: list[str]) -> None:
    with pytest.raises(UserError, match=words[0].split("=")[0]):
        main([str(tmp_path), *words])


def test_paddleformers_loads_every_weight(tiny_model: Path) -> None:
    from paddleformers.transformers import AutoConfig
    from paddleformers.transformers.qwen3_vl import modeling

    config = AutoConfig.from_pretrained(str(tiny_model))
    assert config.model_type == "qwen3_vl"
    model = modeling.Qwen3VLForConditionalGenerationDeprecated.from_pretrained(
        str(tiny_model),
        config=config,
        dtype="float32",
        load_checkpoint_format="flex_checkpoint",
        convert_from_hf=True,
    )
    weights = load_file(tiny_model / "model.safetensors")
    loaded = dict(model.named_parameters())
    total = sum(int(np.prod(parameter.shape)) for parameter in loaded.values())
    assert total == sum(weight.size for weight in weights.values())
    gate = weights["model.language_model.layers.0.mlp.gate_proj.weight"].T
    fused = loaded["model.language_model.layers.0.mlp.up_gate_proj.weight"].numpy()
    np.testing.assert_array_equal(fused[:, : gate.shape[1]], gate)
    np.testing.assert_array_equal(
        loaded["model.visual.merger.linear_fc1.weight"].numpy(),
        weights["model.visual.merger.linear_fc1.weight"].T,
    )


def test_transformers_reads_the_configuration(tiny_model: Path) -> None:
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(tiny_model)
    assert config.model_type == "qwen3_vl"
    assert config.text_config.rope_parameters["mrope_section"] == [6, 5, 5]


def test_a_mixture_has_experts_in_place_of_the_wide_layer(tmp_path: Path) -> None:
    write_tiny_model(tmp_path, TinySettings(experts=3))
    weights = load_file(tmp_path / "model.safetensors")
    layer = "model.language_model.layers.0.mlp"
    assert {name for name in weights if name.startswith(layer)} == {
        f"{layer}.gate.weight",
        f"{layer}.experts.gate_up_proj",
        f"{layer}.experts.down_proj",
    }
    assert weights[f"{layer}.experts.down_proj"].shape[0] == weights[f"{layer}.gate.weight"].shape[0] == 3
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["model_type"] == config["vision_config"]["model_type"] == "qwen3_vl_moe"
    assert config["text_config"]["num_experts"] == 3
    with pytest.raises(UserError, match="experts=1: must be 0 or at least 2"):
        write_tiny_model(tmp_path, TinySettings(experts=1))
