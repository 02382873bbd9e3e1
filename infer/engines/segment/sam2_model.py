"""Load SAM 2 from a folder: safetensors only, no code, nothing fetched."""

import json
from typing import Any

import torch

from grounding.errors import UserError
from infer.engines.segment.sam2_pictures import Sam2Pictures
from infer.engines.segment.segmenter_settings import SegmenterSettings

MODEL_TYPES = ("sam2", "sam2_video")
"""Of config.json: the model of videos has that of pictures within it."""


def load_sam2(settings: SegmenterSettings) -> tuple[Any, Sam2Pictures, torch.device]:
    """Return a Sam2Model on its device, and how it takes pictures.

    Raises:
        UserError: no such folder or another model's, no weights in it, or no such device.
    """
    device = _device(settings.device)
    folder = settings.folder
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = config.get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(
            f"checkpoint {folder}: no config.json of a model ({error}): name a folder of SAM 2, as "
            "transformers saves it"
        ) from error
    if kind not in MODEL_TYPES:
        raise UserError(f"checkpoint {folder}: a model of type '{kind}': one of type sam2 is needed")
    from safetensors import SafetensorError
    from transformers import Sam2Model
    from transformers.utils import logging

    logging.set_verbosity_error()  # what is wrong with the folder is said below, in one line

    try:
        model, said = Sam2Model.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"checkpoint {folder}: SAM 2 cannot be loaded: {reason}: fetch it again") from error
    if missing := sorted(said["missing_keys"]):
        raise UserError(
            f"checkpoint {folder}: {len(missing)} weights are missing, such as {missing[0]}: fetch it again"
        )
    pictures = Sam2Pictures.of_folder(folder, model.prompt_encoder.input_image_size)
    return model.to(device).eval(), pictures, device


def _device(name: str) -> torch.device:
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return torch.device("cuda" if count else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= count:
        raise UserError(f"device={name}: torch sees {count} GPUs: name one of them, or device=cpu")
    return device
