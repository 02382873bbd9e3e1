"""PaddleFormers' plain Paddle classes of Qwen3-VL, which run on both devices, and loading them."""

import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from grounding.errors import UserError
from grounding.files import read_json
from models.checked_pickles import checked_pickles
from models.family import LoadOptions
from models.libraries import blaming, hide_paddlefleet, keep_model_code_out, linked, quiet
from models.qwen3_vl import parameters

PLAIN_CLASSES = {
    "qwen3_vl": "Qwen3VLForConditionalGenerationDeprecated",
    "qwen3_vl_moe": "Qwen3VLMoeForConditionalGenerationDeprecated",
}
"""The plain class of each model type; the default classes are made of paddlefleet's GPU layers."""

FLEET_LAYERS = "paddleformers.transformers.qwen3_vl.modeling_fleet"


def plain_class(model_type: str) -> Any:
    """Return the plain Paddle class of a model type."""
    hide_paddlefleet()
    with quiet(), _importable_without_paddlefleet():
        module = import_module(f"paddleformers.transformers.{model_type}.modeling")
    return getattr(module, PLAIN_CLASSES[model_type])


def load_plain(folder: Path, adapter: Path | None, options: LoadOptions) -> Any:
    """Load Hugging Face weights into the plain Paddle model, with its adapter unmerged if it has one.

    Tensor parallelism splits attention and dense MLPs. Each process holds all experts of a mixture.

    Raises:
        UserError: the folders' files cannot be loaded as this model.
    """
    hide_paddlefleet()
    with quiet(), checked_pickles():
        from paddleformers.peft import LoRAModel
        from paddleformers.transformers import AutoConfig

        keep_model_code_out()
        _check_size(folder)
        with blaming(folder, "model"):
            config = AutoConfig.from_pretrained(str(folder))
        for part in (config, config.text_config, config.vision_config):
            part._attn_implementation = "sdpa" if options.has_gpu else "eager"
            part.tensor_model_parallel_size = options.parts
            part.tensor_parallel_rank = options.part
        if not options.has_gpu:
            config.text_config.fuse_rms_norm = False  # the fused kernel exists for GPUs only
        with linked(folder) as links, blaming(folder, "model"):
            model = plain_class(config.model_type).from_pretrained(
                links,
                config=config,
                dtype=options.dtype,
                load_checkpoint_format="flex_checkpoint",
                convert_from_hf=True,
            )
        if adapter is not None:
            with linked(adapter) as links, blaming(adapter, "LoRA adapter"):
                adapted = LoRAModel.from_pretrained(model, links)
                _check_adapter(adapter, adapted.get_trainable_state_dict().keys())
                model = adapted.model
        model.eval()
        return model


def _check_adapter(folder: Path, known: Collection[str]) -> None:
    """Refuse an adapter with a part that the plain model does not have: PaddleFormers leaves it out.

    Raises:
        UserError: such a part is in the adapter's files.
    """
    from safetensors import safe_open

    for file in sorted(folder.glob("peft_model*.safetensors")):
        with safe_open(str(file), framework="np") as tensors:
            if strange := sorted(set(tensors.keys()) - set(known)):
                raise UserError(
                    f"{folder}: the plain model has no place for a part of this adapter ({len(strange)} "
                    f"tensors, first '{strange[0]}'): merge it with `python -m train.export`, and name that"
                )


def _check_size(folder: Path) -> None:
    """Refuse a config of a model that is larger than its weights: it would be built before they are read.

    Raises:
        UserError: there are fewer bytes of weights than parameters, or the config has no shapes.
    """
    with blaming(folder, "model"):
        config = read_json(folder / "config.json")
        count = sum(tensor.size for tensor in parameters.tensors(config))
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    if count > size:
        raise UserError(
            f"{folder}: config.json describes a model of {count:,} parameters, and its weights have {size:,} "
            "bytes: copy or download both again"
        )


@contextmanager
def _importable_without_paddlefleet() -> Iterator[None]:
    """Let the classes with experts be imported in a process without paddlefleet.

    Their file imports two of its layers, which the plain classes do not use.
    """
    if sys.modules.get("paddlefleet") is not None or FLEET_LAYERS in sys.modules:
        yield
        return
    stand_in = ModuleType(FLEET_LAYERS)
    vars(stand_in).update(Qwen3VLModelDist=None, Qwen3VLProvider=None)
    sys.modules[FLEET_LAYERS] = stand_in
    try:
        yield
    finally:
        del sys.modules[FLEET_LAYERS]
