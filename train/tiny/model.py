"""A random Qwen3-VL of about a million parameters, with a tokenizer of its own, for a CPU."""

import math
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from grounding.errors import UserError
from grounding.files import replacing, write_json
from models.qwen3_vl.parameters import stored_tensors
from train.tiny.config_files import EXPERTS_PER_TOKEN, TinySettings, model_files

if TYPE_CHECKING:
    import numpy

VOCABULARY_MULTIPLE = 64
"""The vocabulary is padded to a multiple of this, because tensor parallelism divides it."""

EMBEDDING_SPREAD = {"embed_tokens": 0.2, "pos_embed": 0.5}
"""Standard deviations of the embeddings: words and patch positions must stand out from what is added."""

RESIDUAL_MATRICES = ("o_proj", "down_proj")


def write_tiny_model(folder: Path, settings: TinySettings | None = None) -> int:
    """Write a complete Hugging Face model folder and return the number of parameters.

    The weights are drawn with numpy, so the bytes depend on the seed alone.

    Raises:
        UserError: pixel limits that no image can meet, too few experts, a tokenizer that cannot be taken, or
            a vocabulary that does not hold it.
    """
    from safetensors.numpy import save

    from train.tiny.adopted_tokenizer import adopt_tokenizer
    from train.tiny.tokenizer import write_tokenizer

    settings = settings or TinySettings()
    if not 0 < settings.min_pixels <= settings.max_pixels:
        raise UserError(f"min_pixels={settings.min_pixels}: must be in 1..max_pixels={settings.max_pixels}")
    if settings.experts and settings.experts < EXPERTS_PER_TOKEN:
        raise UserError(f"experts={settings.experts}: must be 0 or at least {EXPERTS_PER_TOKEN}")
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".tokenizer") as beside:
        source, drafts = Path(settings.tokenizer), Path(beside)
        tokens = adopt_tokenizer(source, drafts) if settings.tokenizer else write_tokenizer(drafts)
        vocabulary_size = _vocabulary_size(max(tokens.values()) + 1, settings.vocabulary)
        for draft in drafts.iterdir():
            draft.replace(folder / draft.name)
    files = model_files(settings, tokens, vocabulary_size)
    for name, content in files.items():
        write_json(folder / name, content)
    weights = random_weights(files["config.json"], settings.seed)
    for index in folder.glob("*.auto_generated.metadata"):
        index.unlink()  # Paddle's index of older weights, which its loader would trust
    with replacing(folder / "model.safetensors") as file:
        file.write(save(weights, metadata={"format": "pt"}))
    return sum(int(weight.size) for weight in weights.values())


def _vocabulary_size(entries: int, asked: int) -> int:
    if asked and (asked < entries or asked % VOCABULARY_MULTIPLE):
        raise UserError(
            f"vocabulary={asked}: must be a multiple of {VOCABULARY_MULTIPLE}, and at least the tokenizer's "
            f"{entries} entries"
        )
    return asked or -(-entries // VOCABULARY_MULTIPLE) * VOCABULARY_MULTIPLE


def random_weights(config: Mapping[str, Any], seed: int) -> "dict[str, numpy.ndarray[Any, Any]]":
    """Draw all weights of a config under their Hugging Face names, float32.

    Matrices are (out, in); the experts of a layer share one array (experts, in, out). Biases are 0 and norms
    are 1. A matrix has standard deviation 1 / sqrt(inputs), because Qwen's 0.02 is made for thousands of
    inputs. A matrix that adds to the residual stream is divided by sqrt(2 x layers).
    Source: Radford et al., Language Models are Unsupervised Multitask Learners, 2019.
    """
    import numpy

    generator = numpy.random.default_rng(seed)
    residual = (2 * config["text_config"]["num_hidden_layers"]) ** -0.5
    weights = {}
    for name, shape in ((tensor.name, tensor.shape) for tensor in stored_tensors(config)):
        if name.endswith("bias"):
            weight = numpy.zeros(shape)
        elif len(shape) == 1:
            weight = numpy.ones(shape)
        else:
            weight = generator.normal(0.0, _standard_deviation(name, shape, residual), shape)
        weights[name] = weight.astype(numpy.float32)
    return weights


def _standard_deviation(name: str, shape: tuple[int, ...], residual: float) -> float:
    part = name.removesuffix(".weight").split(".")[-1]
    inputs = shape[1] if ".experts." in name else math.prod(shape[1:])
    spread = EMBEDDING_SPREAD.get(part, inputs**-0.5)
    return float(spread * residual) if part in RESIDUAL_MATRICES else float(spread)
