import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from grounding.errors import UserError
from train.export import export, split_fused


@pytest.fixture
def lora_run(tiny_model: Path, tmp_path: Path, load_model: Any) -> tuple[Path, Any]:
    """A folder as a LoRA run leaves it, with an adapter that changes every matrix, and its model."""
    import paddle
    from paddleformers.peft import LoRAConfig, LoRAModel

    names = ["q_proj", "k_proj", "v_proj", "qkv_proj", "o_proj", "up_gate_proj", "gate_proj", "up_proj"]
    names += ["down_proj", "attn.qkv", "attn.proj", "linear_fc1", "linear_fc2"]
    config = LoRAConfig(
        target_modules=[f"model.*{name}.*" for name in names],
        r=8,
        lora_alpha=16,
        merge_weights=False,
        dtype="float32",
        base_model_name_or_path=str(tiny_model),
    )
    model = LoRAModel(load_model(tiny_model), config)
    paddle.seed(3)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.set_value(paddle.randn(parameter.shape) * 0.2)
    run = tmp_path / "run"
    from safetensors.paddle import save_file as save_paddle_file

    factors = {
        re.sub(r"^(model\.)+", "model.", name): value
        for name, value in model.state_dict().items()
        if "lora_" in name
    }
    run.mkdir()
    save_paddle_file(factors, str(run / "peft_model-00001-of-00001.safetensors"))
    config.save_pretrained(str(run))
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.json", "preprocessor_config.json"):
        (run / name).write_bytes((tiny_model / name).read_bytes())
    return run, model


def logits(model: Any, vision_tokens: tuple[int, int, int]) -> Any:
    import paddle

    image, start, end = vision_tokens
    paddle.seed(1)
    model.eval()
    with paddle.no_grad():
        output = model(
            input_ids=paddle.to_tensor([[5, start, *[image] * 16, end, 6, 7]]),
            pixel_values=paddle.randn([64, 384]),
            image_grid_thw=paddle.to_tensor([[1, 8, 8]]),
        )
    return output.logits.numpy()


def test_merged_model_equals_the_adapter(
    lora_run: tuple[Path, Any], tiny_model: Path, load_model: Any, vision_tokens: tuple[int, int, int]
) -> None:
    run, adapted = lora_run
    folder = export(run)
    expected = logits(adapted, vision_tokens)
    assert np.abs(expected - logits(load_model(tiny_model), vision_tokens)).max() > 0.1
    assert np.abs(expected - logits(load_model(folder), vision_tokens)).max() <= 1e-4
    for name in ("config.json", "tokenizer.json", "vocab.json", "preprocessor_config.json"):
        assert (folder / name).is_file()


def test_a_folder_without_an_adapter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no finished LoRA run"):
        export(tmp_path)


def test_an_adapter_of_another_model_is_refused(lora_run: tuple[Path, Any], tmp_path: Path) -> None:
    from train.tiny import write_tiny_model

    run, _ = lora_run
    write_tiny_model(tmp_path / "other")
    config = json.loads((tmp_path / "other" / "config.json").read_text())
    config["text_config"] |= {"num_attention_heads": 2, "num_key_value_heads": 1}
    (tmp_path / "other" / "config.json").write_text(json.dumps(config))
    lora = json.loads((run / "lora_config.json").read_text())
    lora["base_model_name_or_path"] = str(tmp_path / "other")
    (run / "lora_config.json").write_text(json.dumps(lora))
    with pytest.raises(UserError, match="another model"):
        export(run)
    config["text_config"] |= {"num_attention_heads": 4, "num_key_value_heads": 2}
    (tmp_path / "other" / "config.json").write_text(json.dumps(config))
    assert export(run).is_dir()
    weights = load_file(tmp_path / "other" / "model.safetensors")
    weights["model.visual.merger.linear_fc1.weight"] = np.zeros((192, 96), np.float32)
    save_file(weights, tmp_path / "other" / "model.safetensors")
    with pytest.raises(UserError, match=r"\[192, 96\], the adapter's \[192, 192\]: another model"):
        export(run)


def test_fused_queries_are_grouped_by_key_value_head() -> None:
    import paddle

    config = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 1, "hidden_size": 3}
    rows = paddle.arange(8).reshape([8, 1])  # q q k v | q q k v
    parts = {name: part.flatten().tolist() for name, part in split_fused("qkv_proj", rows, config).items()}
    assert parts == {"q_proj": [0, 1, 4, 5], "k_proj": [2, 6], "v_proj": [3, 7]}
    halves = split_fused("up_gate_proj", rows, config)
    assert halves["gate_proj"].flatten().tolist() == [0, 1, 2, 3]
    assert list(split_fused("o_proj", rows, config)) == ["o_proj"]
