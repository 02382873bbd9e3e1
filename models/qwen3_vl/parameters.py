"""The shapes of a Qwen3-VL model, from its config.json or from the table of published models."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from grounding.errors import UserError
from grounding.files import read_json
from train.recipe import is_hub_id

PUBLISHED_FILE = Path(__file__).with_name("published.yaml")
VISION_PREFIX = "model.visual."
Split = Literal["tensor", "expert", "none"]
"""How a tensor is spread over GPUs: by tensor parallelism, by expert parallelism, or not at all."""


@dataclass(frozen=True)
class Tensor:
    """One parameter of the model: its name in PaddleFormers, its shape, and how it is spread."""

    name: str
    shape: tuple[int, ...]
    split: Split = "none"

    @property
    def size(self) -> int:
        """How many numbers it has."""
        size = 1
        for side in self.shape:
            size *= side
        return size


@cache
def published_configs() -> Mapping[str, Mapping[str, Any]]:
    """Return the published models' configs by hub id."""
    import yaml

    content: dict[str, dict[str, Any]] = yaml.safe_load(PUBLISHED_FILE.read_text(encoding="utf-8"))
    return content


def model_config(model: str) -> Mapping[str, Any]:
    """Return a model's config: a folder's own, or the published one of a hub id.

    Raises:
        UserError: neither is there, or it is not a Qwen3-VL.
    """
    if is_hub_id(model):
        if model not in published_configs():
            raise UserError(
                f"model_name_or_path: the shapes of '{model}' are not known here: download it and name its "
                f"folder (known are {', '.join(published_configs())})"
            )
        return published_configs()[model]
    if not (Path(model) / "config.json").is_file():
        raise UserError(
            f"model_name_or_path: '{model}' has no config.json: make the model first, or name one of its "
            f"size ({', '.join(published_configs())})"
        )
    config: Mapping[str, Any] = read_json(Path(model) / "config.json")
    if not {"text_config", "vision_config"} <= config.keys():
        raise UserError(
            f"{Path(model) / 'config.json'}: has no text_config and vision_config: not a Qwen3-VL"
        )
    return config


def text_shape(config: Mapping[str, Any]) -> dict[str, int]:
    """Return the language model's sizes, with the defaults that a config may leave out."""
    text = config["text_config"]
    heads = text["num_attention_heads"]
    return {
        **{name: text[name] for name in ("vocab_size", "hidden_size", "intermediate_size")},
        "layers": text["num_hidden_layers"],
        "heads": heads,
        "key_value_heads": text.get("num_key_value_heads") or heads,
        "head_dim": text.get("head_dim") or text["hidden_size"] // heads,
        "experts": text.get("num_experts") or 0,
        "experts_per_token": text.get("num_experts_per_tok") or 0,
        "expert_size": text.get("moe_intermediate_size") or 0,
    }


def is_tied(config: Mapping[str, Any]) -> bool:
    """Tell whether the output layer is the embedding; the text config's word counts where both say one."""
    return bool(config["text_config"].get("tie_word_embeddings", config.get("tie_word_embeddings", False)))


def tensors(config: Mapping[str, Any]) -> list[Tensor]:
    """Return every parameter of the model, named and shaped as in PaddleFormers' plain Paddle classes."""
    return [*_vision_tensors(config["vision_config"]), *_text_tensors(config)]


def _linear(name: str, inputs: int, outputs: int, *, bias: bool, split: Split = "tensor") -> Iterator[Tensor]:
    yield Tensor(f"{name}.weight", (inputs, outputs), split)
    if bias:
        yield Tensor(f"{name}.bias", (outputs,))


def _norm(name: str, size: int, *, bias: bool) -> Iterator[Tensor]:
    yield Tensor(f"{name}.weight", (size,))
    if bias:
        yield Tensor(f"{name}.bias", (size,))


def _vision_tensors(vision: Mapping[str, Any]) -> Iterator[Tensor]:
    hidden, size, patch = vision["hidden_size"], vision["intermediate_size"], vision["patch_size"]
    kernel = (vision.get("in_channels", 3), vision.get("temporal_patch_size", 2), patch, patch)
    yield Tensor(f"{VISION_PREFIX}pos_embed.weight", (vision["num_position_embeddings"], hidden))
    yield Tensor(f"{VISION_PREFIX}patch_embed.proj.weight", (hidden, *kernel))
    yield Tensor(f"{VISION_PREFIX}patch_embed.proj.bias", (hidden,))
    for number in range(vision["depth"]):
        block = f"{VISION_PREFIX}blocks.{number}."
        yield from _norm(f"{block}norm1", hidden, bias=True)
        yield from _norm(f"{block}norm2", hidden, bias=True)
        yield from _linear(f"{block}attn.qkv", hidden, 3 * hidden, bias=True)
        yield from _linear(f"{block}attn.proj", hidden, hidden, bias=True)
        yield from _linear(f"{block}mlp.linear_fc1", hidden, size, bias=True)
        yield from _linear(f"{block}mlp.linear_fc2", size, hidden, bias=True)
    merged = hidden * vision.get("spatial_merge_size", 2) ** 2
    mergers = [("merger", hidden)] + [
        (f"deepstack_merger_list.{number}", merged)
        for number in range(len(vision.get("deepstack_visual_indexes") or ()))
    ]
    for name, normed in mergers:  # the first merger norms patches, the others merged patches
        yield from _norm(f"{VISION_PREFIX}{name}.norm", normed, bias=True)
        yield from _linear(f"{VISION_PREFIX}{name}.linear_fc1", merged, merged, bias=True)
        yield from _linear(f"{VISION_PREFIX}{name}.linear_fc2", merged, vision["out_hidden_size"], bias=True)


def _text_tensors(config: Mapping[str, Any]) -> Iterator[Tensor]:
    text, shape = config["text_config"], text_shape(config)
    hidden, head = shape["hidden_size"], shape["head_dim"]
    queries, keys = shape["heads"] * head, shape["key_value_heads"] * head
    bias = bool(text.get("attention_bias", False))
    yield Tensor("model.language_model.embed_tokens.weight", (shape["vocab_size"], hidden), "tensor")
    for number in range(shape["layers"]):
        layer = f"model.language_model.layers.{number}."
        yield from _norm(f"{layer}self_attn.q_norm", head, bias=False)
        yield from _norm(f"{layer}self_attn.k_norm", head, bias=False)
        yield from _linear(f"{layer}self_attn.qkv_proj", hidden, queries + 2 * keys, bias=bias)
        yield from _linear(f"{layer}self_attn.o_proj", queries, hidden, bias=bias)
        if _is_sparse(text, number):
            yield Tensor(f"{layer}mlp.gate.weight", (hidden, shape["experts"]))
            experts, size = shape["experts"], shape["expert_size"]
            yield Tensor(f"{layer}mlp.experts.gate_up_proj", (experts, hidden, 2 * size), "expert")
            yield Tensor(f"{layer}mlp.experts.down_proj", (experts, size, hidden), "expert")
        else:
            size = shape["intermediate_size"]
            yield from _linear(f"{layer}mlp.up_gate_proj", hidden, 2 * size, bias=False)
            yield from _linear(f"{layer}mlp.down_proj", size, hidden, bias=False)
        yield from _norm(f"{layer}input_layernorm", hidden, bias=False)
        yield from _norm(f"{layer}post_attention_layernorm", hidden, bias=False)
    yield from _norm("model.language_model.norm", hidden, bias=False)
    if not is_tied(config):
        yield Tensor("lm_head.weight", (hidden, shape["vocab_size"]), "tensor")


def _is_sparse(text: Mapping[str, Any], layer: int) -> bool:
    """Tell whether a layer has experts (Qwen3VLMoeTextDecoderLayer's own rule)."""
    step = text.get("decoder_sparse_step") or 1
    dense = text.get("mlp_only_layers") or ()
    return bool(text.get("num_experts")) and layer not in dense and (layer + 1) % step == 0
