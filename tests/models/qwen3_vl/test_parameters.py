"""The table of shapes: what Hugging Face stores adds up to what PaddleFormers loads."""

import math
from typing import Any

import pytest

from models.qwen3_vl.parameters import (
    read_published_configs,
    stored_tensors,
    tensors,
    text_shape,
    vision_shape,
)


@pytest.mark.parametrize("name", read_published_configs())
def test_both_forms_have_the_same_number_of_elements(name: str) -> None:
    config = read_published_configs()[name]
    stored = stored_tensors(config)
    assert len({tensor.name for tensor in stored}) == len(stored)
    assert sum(math.prod(tensor.shape) for tensor in stored) == sum(tensor.size for tensor in tensors(config))


def small(**text: Any) -> dict[str, Any]:
    language = {"vocab_size": 64, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2}
    language |= {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8}
    vision = {"depth": 1, "hidden_size": 12, "intermediate_size": 20, "num_heads": 2, "patch_size": 8}
    vision |= {"num_position_embeddings": 4, "out_hidden_size": 16, "deepstack_visual_indexes": [0]}
    return {"text_config": {**language, **text}, "vision_config": vision}


def test_fused_matrices_are_stored_apart_and_transposed() -> None:
    stored = {tensor.name: tensor.shape for tensor in stored_tensors(small(attention_bias=True))}
    layer = "model.language_model.layers.1."
    assert stored[f"{layer}self_attn.q_proj.weight"] == (32, 16)
    assert stored[f"{layer}self_attn.k_proj.weight"] == stored[f"{layer}self_attn.v_proj.weight"] == (16, 16)
    assert stored[f"{layer}self_attn.k_proj.bias"] == (16,)
    assert stored[f"{layer}mlp.gate_proj.weight"] == stored[f"{layer}mlp.up_proj.weight"] == (24, 16)
    assert stored[f"{layer}mlp.down_proj.weight"] == (16, 24)
    assert stored["lm_head.weight"] == stored["model.language_model.embed_tokens.weight"] == (64, 16)
    assert stored["model.visual.deepstack_merger_list.0.norm.weight"] == (48,)
    assert stored["model.visual.merger.linear_fc2.weight"] == (16, 48)
    assert not [name for name in stored if "qkv_proj" in name or "up_gate_proj" in name]


def test_experts_stand_where_the_config_says() -> None:
    config = small(num_experts=3, num_experts_per_tok=2, moe_intermediate_size=10, mlp_only_layers=[0])
    stored = {tensor.name: tensor.shape for tensor in stored_tensors(config)}
    layer = "model.language_model.layers.1.mlp."
    assert stored["model.language_model.layers.0.mlp.up_proj.weight"] == (24, 16)
    assert stored[f"{layer}gate.weight"] == (3, 16)
    assert stored[f"{layer}experts.gate_up_proj"] == (3, 16, 20)
    assert stored[f"{layer}experts.down_proj"] == (3, 10, 16)
    assert [tensor.split for tensor in tensors(config) if "experts" in tensor.name] == ["expert"] * 2
    shape = text_shape(config)
    assert (shape.experts, shape.experts_per_token, shape.expert_size) == (3, 2, 10)


def test_defaults_of_keys_that_a_config_may_omit() -> None:
    config = small()
    del config["text_config"]["num_key_value_heads"], config["text_config"]["head_dim"]
    assert (text_shape(config).key_value_heads, text_shape(config).head_dim) == (4, 4)
    tower = vision_shape(config)
    assert (tower.channels, tower.temporal_patch_size, tower.merge_size) == (3, 2, 2)
    assert (tower.patches_per_token, tower.merged_size, tower.deepstack) == (4, 48, 1)
