"""The parameters of a Qwen3-VL model, from its config.json or from the table of published models.

This is the one table of shapes: PaddleFormers' fused matrices and the ones that a Hugging Face folder stores.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from models.shapes import Split, StoredTensor, Tensor, TextShape, VisionShape

PUBLISHED_FILE = Path(__file__).with_name("published.yaml")
TEXT_PREFIX, VISION_PREFIX = "model.language_model.", "model.visual."


@cache
def read_published_configs() -> Mapping[str, Mapping[str, Any]]:
    """Return the configs of published models by hub id."""
    import yaml

    content: dict[str, dict[str, Any]] = yaml.safe_load(PUBLISHED_FILE.read_text(encoding="utf-8"))
    return content


def text_shape(config: Mapping[str, Any]) -> TextShape:
    """Return the language model's sizes, with the defaults of keys that a config may omit."""
    text = config["text_config"]
    heads = text["num_attention_heads"]
    return TextShape(
        vocab_size=text["vocab_size"],
        hidden_size=text["hidden_size"],
        intermediate_size=text["intermediate_size"],
        layers=text["num_hidden_layers"],
        heads=heads,
        key_value_heads=text.get("num_key_value_heads") or heads,
        head_dim=text.get("head_dim") or text["hidden_size"] // heads,
        experts=text.get("num_experts") or 0,
        experts_per_token=text.get("num_experts_per_tok") or 0,
        expert_size=text.get("moe_intermediate_size") or 0,
    )


def vision_shape(config: Mapping[str, Any]) -> VisionShape:
    """Return the vision tower's sizes, with the defaults of keys that a config may omit."""
    vision = config["vision_config"]
    return VisionShape(
        hidden_size=vision["hidden_size"],
        intermediate_size=vision["intermediate_size"],
        layers=vision["depth"],
        heads=vision["num_heads"],
        channels=vision.get("in_channels", 3),
        patch_size=vision["patch_size"],
        temporal_patch_size=vision.get("temporal_patch_size", 2),
        merge_size=vision.get("spatial_merge_size", 2),
        positions=vision["num_position_embeddings"],
        output_size=vision["out_hidden_size"],
        deepstack=len(vision.get("deepstack_visual_indexes") or ()),
    )


def is_tied(config: Mapping[str, Any]) -> bool:
    """Tell whether the output layer is the embedding; the text config takes precedence."""
    return bool(config["text_config"].get("tie_word_embeddings", config.get("tie_word_embeddings", False)))


def tensors(config: Mapping[str, Any]) -> list[Tensor]:
    """Return every parameter of the model, named and shaped as in PaddleFormers' plain Paddle classes."""
    return [*_vision_tensors(vision_shape(config)), *_text_tensors(config)]


def stored_tensors(config: Mapping[str, Any]) -> list[StoredTensor]:
    """Return every parameter as a Hugging Face folder stores it, the language model's first."""
    return [
        part
        for tensor in (*_text_tensors(config), *_vision_tensors(vision_shape(config)))
        for part in tensor.stored or (StoredTensor(tensor.name, tensor.shape),)
    ]


def _linear(
    name: str, inputs: int, outputs: int, *, bias: bool, parts: Sequence[tuple[str, int]] = ()
) -> Iterator[Tensor]:
    """Yield weight and bias of a linear layer; `parts` are name and outputs of the layers that are fused."""
    layer, _, own = name.rpartition(".")
    stored = [(f"{layer}.{part}", size) for part, size in parts or [(own, outputs)]]
    weights = tuple(StoredTensor(f"{part}.weight", (size, inputs)) for part, size in stored)
    yield Tensor(f"{name}.weight", (inputs, outputs), "tensor", weights)
    if bias:
        biases = tuple(StoredTensor(f"{part}.bias", (size,)) for part, size in stored)
        yield Tensor(f"{name}.bias", (outputs,), "none", biases)


def _table(name: str, rows: int, width: int, split: Split = "none") -> Tensor:
    """Return an embedding, which Paddle and Hugging Face store alike."""
    return Tensor(f"{name}.weight", (rows, width), split)


def _norm(name: str, size: int, *, bias: bool) -> Iterator[Tensor]:
    yield Tensor(f"{name}.weight", (size,))
    if bias:
        yield Tensor(f"{name}.bias", (size,))


def _vision_tensors(shape: VisionShape) -> Iterator[Tensor]:
    hidden, size, merged = shape.hidden_size, shape.intermediate_size, shape.merged_size
    kernel = (shape.channels, shape.temporal_patch_size, shape.patch_size, shape.patch_size)
    yield _table(f"{VISION_PREFIX}pos_embed", shape.positions, hidden)
    yield Tensor(f"{VISION_PREFIX}patch_embed.proj.weight", (hidden, *kernel))
    yield Tensor(f"{VISION_PREFIX}patch_embed.proj.bias", (hidden,))
    for number in range(shape.layers):
        block = f"{VISION_PREFIX}blocks.{number}."
        yield from _norm(f"{block}norm1", hidden, bias=True)
        yield from _norm(f"{block}norm2", hidden, bias=True)
        yield from _linear(f"{block}attn.qkv", hidden, 3 * hidden, bias=True)
        yield from _linear(f"{block}attn.proj", hidden, hidden, bias=True)
        yield from _linear(f"{block}mlp.linear_fc1", hidden, size, bias=True)
        yield from _linear(f"{block}mlp.linear_fc2", size, hidden, bias=True)
    # The first merger normalises patches, the others merged patches.
    inner = [(f"deepstack_merger_list.{number}", merged) for number in range(shape.deepstack)]
    for name, normalised in [("merger", hidden), *inner]:
        yield from _norm(f"{VISION_PREFIX}{name}.norm", normalised, bias=True)
        yield from _linear(f"{VISION_PREFIX}{name}.linear_fc1", merged, merged, bias=True)
        yield from _linear(f"{VISION_PREFIX}{name}.linear_fc2", merged, shape.output_size, bias=True)


def _text_tensors(config: Mapping[str, Any]) -> Iterator[Tensor]:
    text, shape = config["text_config"], text_shape(config)
    yield _table(f"{TEXT_PREFIX}embed_tokens", shape.vocab_size, shape.hidden_size, "tensor")
    for number in range(shape.layers):
        layer = f"{TEXT_PREFIX}layers.{number}."
        yield from _attention_tensors(layer, shape, bias=bool(text.get("attention_bias", False)))
        yield from _mlp_tensors(layer, shape, has_experts=_is_sparse(text, number))
        yield from _norm(f"{layer}input_layernorm", shape.hidden_size, bias=False)
        yield from _norm(f"{layer}post_attention_layernorm", shape.hidden_size, bias=False)
    yield from _norm(f"{TEXT_PREFIX}norm", shape.hidden_size, bias=False)
    if not is_tied(config):
        yield _table("lm_head", shape.vocab_size, shape.hidden_size, "tensor")


def _attention_tensors(layer: str, shape: TextShape, *, bias: bool) -> Iterator[Tensor]:
    hidden, queries, keys = shape.hidden_size, shape.query_width, shape.key_width
    parts = [("q_proj", queries), ("k_proj", keys), ("v_proj", keys)]
    yield from _norm(f"{layer}self_attn.q_norm", shape.head_dim, bias=False)
    yield from _norm(f"{layer}self_attn.k_norm", shape.head_dim, bias=False)
    yield from _linear(f"{layer}self_attn.qkv_proj", hidden, queries + 2 * keys, bias=bias, parts=parts)
    yield from _linear(f"{layer}self_attn.o_proj", queries, hidden, bias=bias)


def _mlp_tensors(layer: str, shape: TextShape, *, has_experts: bool) -> Iterator[Tensor]:
    """Yield an MLP's matrices; the experts' are stored as they are, (experts, in, out)."""
    hidden = shape.hidden_size
    if has_experts:
        experts, size = shape.experts, shape.expert_size
        router = StoredTensor(f"{layer}mlp.gate.weight", (experts, hidden))
        yield Tensor(f"{layer}mlp.gate.weight", (hidden, experts), "none", (router,))
        yield Tensor(f"{layer}mlp.experts.gate_up_proj", (experts, hidden, 2 * size), "expert")
        yield Tensor(f"{layer}mlp.experts.down_proj", (experts, size, hidden), "expert")
    else:
        size = shape.intermediate_size
        parts = [("gate_proj", size), ("up_proj", size)]
        yield from _linear(f"{layer}mlp.up_gate_proj", hidden, 2 * size, bias=False, parts=parts)
        yield from _linear(f"{layer}mlp.down_proj", size, hidden, bias=False)


def _is_sparse(text: Mapping[str, Any], layer: int) -> bool:
    """Tell whether a layer has experts, by the rule of Qwen3VLMoeTextDecoderLayer."""
    step = text.get("decoder_sparse_step") or 1
    dense = text.get("mlp_only_layers") or ()
    return bool(text.get("num_experts")) and layer not in dense and (layer + 1) % step == 0
