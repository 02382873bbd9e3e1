"""The configuration files of the tiny model: its architecture, generation and processors."""

import dataclasses
from typing import Any

from grounding.recipe.schema import setting

PATCH = 8
MERGE = 2
TEMPORAL_PATCH = 2
HEAD_DIM = 32

TEXT = {
    "model_type": "qwen3_vl_text",
    "hidden_size": 128,
    "intermediate_size": 640,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": HEAD_DIM,
    "hidden_act": "silu",
    "attention_bias": False,
    "attention_dropout": 0.0,
    "initializer_range": 0.02,
    "max_position_embeddings": 4096,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1000.0,
    "rope_scaling": {"rope_type": "default", "mrope_section": [6, 5, 5], "mrope_interleaved": True},
    "tie_word_embeddings": True,
    "use_cache": True,
    "fuse_rms_norm": False,  # Paddle's fused kernel exists for GPUs only
    "dtype": "float32",
}

VISION = {
    "model_type": "qwen3_vl",
    "depth": 1,
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_heads": 2,
    "in_channels": 3,
    "patch_size": PATCH,
    "spatial_merge_size": MERGE,
    "temporal_patch_size": TEMPORAL_PATCH,
    "out_hidden_size": TEXT["hidden_size"],
    "hidden_act": "gelu_pytorch_tanh",
    "initializer_range": 0.02,
    "num_position_embeddings": 64,  # an 8 x 8 grid: one for each patch of a 64 x 64 image
    "deepstack_visual_indexes": [],
    "dtype": "float32",
}

EXPERTS_PER_TOKEN = 2
EXPERT_SIZE = 96
"""Twice this must not be hidden_size: transformers tells from the shape whether an expert is transposed."""


@dataclasses.dataclass(frozen=True)
class TinySettings:
    """The choices about the tiny model."""

    seed: int = setting("seed of the random weights", 0)
    max_pixels: int = setting("larger images are shrunk to this many pixels (attention is dense)", 256 * 256)
    min_pixels: int = setting("smaller images are enlarged to this many pixels", 32 * 32)
    experts: int = setting("experts per layer, two of them for each token; 0 makes a dense model", 0)
    tokenizer: str = setting("a folder whose tokenizer to take, such as a Qwen3-VL's; empty for its own", "")
    vocabulary: int = setting("entries of the vocabulary, 151936 in Qwen3-VL; 0 for the tokenizer's", 0)


def model_files(
    settings: TinySettings, tokens: dict[str, int], vocabulary_size: int
) -> dict[str, dict[str, Any]]:
    """Return the content of every configuration file by its name; `tokens` gives the id of each token."""
    return {
        "config.json": _config(tokens, vocabulary_size, settings.experts),
        "generation_config.json": _generation_config(tokens),
        "preprocessor_config.json": _image_processor(settings),
        "video_preprocessor_config.json": _video_processor(settings),
    }


def _config(tokens: dict[str, int], vocabulary_size: int, experts: int) -> dict[str, Any]:
    name, kind = ("Qwen3VLMoe", "qwen3_vl_moe") if experts else ("Qwen3VL", "qwen3_vl")
    mixture = {
        "num_experts": experts,
        "num_experts_per_tok": EXPERTS_PER_TOKEN,
        "moe_intermediate_size": EXPERT_SIZE,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
    }
    return {
        "architectures": [f"{name}ForConditionalGeneration"],
        "model_type": kind,
        "image_token_id": tokens["<|image_pad|>"],
        "video_token_id": tokens["<|video_pad|>"],
        "vision_start_token_id": tokens["<|vision_start|>"],
        "vision_end_token_id": tokens["<|vision_end|>"],
        "tie_word_embeddings": True,
        "dtype": "float32",
        "text_config": {
            **TEXT,
            **(mixture if experts else {}),
            "model_type": f"{kind}_text",
            "vocab_size": vocabulary_size,
            "bos_token_id": tokens["<|endoftext|>"],
            "eos_token_id": tokens["<|im_end|>"],
            "pad_token_id": tokens["<|endoftext|>"],
        },
        "vision_config": {**VISION, "model_type": kind},
    }


def _generation_config(tokens: dict[str, int]) -> dict[str, Any]:
    return {
        "bos_token_id": tokens["<|endoftext|>"],
        "pad_token_id": tokens["<|endoftext|>"],
        "eos_token_id": [tokens["<|im_end|>"], tokens["<|endoftext|>"]],
        "do_sample": False,
    }


def _image_processor(settings: TinySettings) -> dict[str, Any]:
    return {
        "processor_class": "Qwen3VLProcessor",
        "image_processor_type": "Qwen2VLImageProcessorFast",
        "size": {"longest_edge": settings.max_pixels, "shortest_edge": settings.min_pixels},
        "patch_size": PATCH,
        "temporal_patch_size": TEMPORAL_PATCH,
        "merge_size": MERGE,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }


def _video_processor(settings: TinySettings) -> dict[str, Any]:
    video = _image_processor(settings)
    del video["image_processor_type"]
    return {**video, "video_processor_type": "Qwen3VLVideoProcessor"}
