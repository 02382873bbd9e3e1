"""A random Qwen3-VL of 1.1 million parameters, with a tokenizer of its own, for a CPU."""

import dataclasses
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grounding.errors import UserError
from grounding.files import replacing, write_json
from grounding.recipe import setting

if TYPE_CHECKING:
    import numpy

log = logging.getLogger(__name__)

PATCH = 8
MERGE = 2
TEMPORAL_PATCH = 2
HEAD_DIM = 32
VOCABULARY_MULTIPLE = 64  # tensor parallelism wants a vocabulary that divides by its degree

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


EMBEDDING_SPREAD = {"embed_tokens": 0.2, "pos_embed": 0.5}
"""Standard deviations of what is looked up: neither a word nor a patch's place may drown in what is added."""

RESIDUAL_MATRICES = ("o_proj", "down_proj")

EXPERTS_FOR_A_TOKEN = 2
EXPERT_WIDTH = 64


@dataclasses.dataclass(frozen=True)
class TinySettings:
    """What can be chosen about the tiny model."""

    seed: int = setting("seed of the random weights", 0)
    max_pixels: int = setting("larger images are shrunk to this many pixels (attention is dense)", 256 * 256)
    min_pixels: int = setting("smaller images are enlarged to this many pixels", 32 * 32)
    experts: int = setting("experts of each layer, two of them for a token; 0 makes a dense model", 0)


def write_tiny_model(folder: Path, settings: TinySettings | None = None) -> int:
    """Write a complete Hugging Face model folder and return the number of parameters.

    The weights are drawn with numpy, so that the bytes depend on the seed alone. Raises `UserError`
    for limits that no image can meet.
    """
    from safetensors.numpy import save

    from train.tiny.tokenizer import write_tokenizer

    settings = settings or TinySettings()
    if not 0 < settings.min_pixels <= settings.max_pixels:
        raise UserError(f"min_pixels={settings.min_pixels}: must lie in 1..max_pixels={settings.max_pixels}")
    if settings.experts and settings.experts < EXPERTS_FOR_A_TOKEN:
        raise UserError(f"experts={settings.experts}: must be 0 or at least {EXPERTS_FOR_A_TOKEN}")
    folder.mkdir(parents=True, exist_ok=True)
    tokens = write_tokenizer(folder)
    vocabulary_size = -(-len(tokens) // VOCABULARY_MULTIPLE) * VOCABULARY_MULTIPLE
    for name, content in {
        "config.json": _config(tokens, vocabulary_size, settings.experts),
        "generation_config.json": _generation_config(tokens),
        "preprocessor_config.json": _image_processor(settings),
        "video_preprocessor_config.json": _video_processor(settings),
    }.items():
        write_json(folder / name, content)
    weights = random_weights(vocabulary_size, settings.seed, settings.experts)
    for index in folder.glob("*.auto_generated.metadata"):
        index.unlink()  # Paddle's index of other weights, which it would trust
    with replacing(folder / "model.safetensors") as file:
        file.write(save(weights, metadata={"format": "pt"}))
    return sum(int(weight.size) for weight in weights.values())


def random_weights(vocabulary_size: int, seed: int, experts: int = 0) -> "dict[str, numpy.ndarray[Any, Any]]":
    """Draw all weights under their Hugging Face names, float32, matrices as (out, in).

    Those of all experts of a layer are one array, (experts, in, out).

    A matrix has standard deviation 1 / sqrt(inputs); one that adds to the residual stream is divided by
    sqrt(2 x layers), after Radford et al., Language Models are Unsupervised Multitask Learners, 2019.
    Qwen's 0.02 is made for thousands of inputs.
    """
    import numpy

    generator = numpy.random.default_rng(seed)
    weights = {}
    for name, shape in _shapes(vocabulary_size, experts).items():
        if name.endswith("bias"):
            weight = numpy.zeros(shape)
        elif len(shape) == 1:
            weight = numpy.ones(shape)
        else:
            part = name.removesuffix(".weight").split(".")[-1]
            inputs = shape[1] if ".experts." in name else int(numpy.prod(shape[1:]))
            spread = EMBEDDING_SPREAD.get(part, inputs**-0.5)
            if part in RESIDUAL_MATRICES:
                spread *= (2 * _numbers(TEXT)["num_hidden_layers"]) ** -0.5
            weight = generator.normal(0.0, spread, shape)
        weights[name] = weight.astype(numpy.float32)
    return weights


def _shapes(vocabulary_size: int, experts: int) -> dict[str, tuple[int, ...]]:
    text, vision = _numbers(TEXT), _numbers(VISION)
    width, inner = text["hidden_size"], text["intermediate_size"]
    queries, keys = text["num_attention_heads"] * HEAD_DIM, text["num_key_value_heads"] * HEAD_DIM
    shapes: dict[str, tuple[int, ...]] = {
        "model.language_model.embed_tokens.weight": (vocabulary_size, width)
    }
    for layer in range(text["num_hidden_layers"]):
        matrices = {
            "input_layernorm": (width,),
            "self_attn.q_proj": (queries, width),
            "self_attn.k_proj": (keys, width),
            "self_attn.v_proj": (keys, width),
            "self_attn.o_proj": (width, queries),
            "self_attn.q_norm": (HEAD_DIM,),
            "self_attn.k_norm": (HEAD_DIM,),
            "post_attention_layernorm": (width,),
        }
        if experts:
            matrices["mlp.gate"] = (experts, width)
        else:
            matrices |= {
                "mlp.gate_proj": (inner, width),
                "mlp.up_proj": (inner, width),
                "mlp.down_proj": (width, inner),
            }
        prefix = f"model.language_model.layers.{layer}"
        shapes |= {f"{prefix}.{name}.weight": shape for name, shape in matrices.items()}
        if experts:
            shapes[f"{prefix}.mlp.experts.gate_up_proj"] = (experts, width, 2 * EXPERT_WIDTH)
            shapes[f"{prefix}.mlp.experts.down_proj"] = (experts, EXPERT_WIDTH, width)
    shapes["model.language_model.norm.weight"] = (width,)
    seen, inner = vision["hidden_size"], vision["intermediate_size"]
    merged = seen * MERGE**2
    layers: dict[str, tuple[int, ...]] = {"patch_embed.proj": (seen, 3, TEMPORAL_PATCH, PATCH, PATCH)}
    for block in range(vision["depth"]):
        layers |= {
            f"blocks.{block}.norm1": (seen,),
            f"blocks.{block}.attn.qkv": (3 * seen, seen),
            f"blocks.{block}.attn.proj": (seen, seen),
            f"blocks.{block}.norm2": (seen,),
            f"blocks.{block}.mlp.linear_fc1": (inner, seen),
            f"blocks.{block}.mlp.linear_fc2": (seen, inner),
        }
    layers |= {
        "merger.norm": (seen,),
        "merger.linear_fc1": (merged, merged),
        "merger.linear_fc2": (width, merged),
    }
    shapes["model.visual.pos_embed.weight"] = (vision["num_position_embeddings"], seen)
    for name, shape in layers.items():
        shapes |= {f"model.visual.{name}.weight": shape, f"model.visual.{name}.bias": shape[:1]}
    return shapes


def _numbers(config: dict[str, Any]) -> dict[str, int]:
    return {key: value for key, value in config.items() if isinstance(value, int)}


def _config(tokens: dict[str, int], vocabulary_size: int, experts: int) -> dict[str, Any]:
    family, kind = ("Qwen3VLMoe", "qwen3_vl_moe") if experts else ("Qwen3VL", "qwen3_vl")
    mixture = {
        "num_experts": experts,
        "num_experts_per_tok": EXPERTS_FOR_A_TOKEN,
        "moe_intermediate_size": EXPERT_WIDTH,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
    }
    return {
        "architectures": [f"{family}ForConditionalGeneration"],
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
