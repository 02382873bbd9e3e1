"""Masks by PaddleX's SAM-H modules, from a local folder: one click, or one box, without a score.

Source: PaddleX 3.7, open-vocabulary segmentation. A folder holds the model of clicks (SAM-H_point) or that of
boxes (SAM-H_box), as a graph of Paddle that reads the picture again for every question.
"""

import importlib.util
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from grounding.boxes import Size
from grounding.errors import UserError
from grounding.images.pixels import model_pixels
from infer.engines.segment.segmenter import MaskPrompt, ScoredMask, check_inside
from infer.engines.segment.segmenter_settings import SegmenterSettings

PROMPT_OF = {"SAM-H_point": "point_prompt", "SAM-H_box": "box_prompt"}
"""The prompt that each model takes."""

CONFIG = "inference.yml"


class PaddleXSegmenter:
    """Asks PaddleX; one question at a time."""

    def __init__(self, settings: SegmenterSettings) -> None:
        """Load the model.

        Raises:
            UserError: PaddleX is missing, the folder is none of these models, or Paddle cannot load it.
        """
        if importlib.util.find_spec("paddlex") is None:
            raise UserError(
                "backend=paddlex: this Python has no PaddleX: run make setup-paddlex, start "
                "infer.serve_masks with its Python, and set backend=http://127.0.0.1:8009 here"
            )
        self.name = _model_name(settings.folder)
        os.environ.setdefault("PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK", "True")  # nothing is fetched
        from paddlex import create_model

        device = None if settings.device == "auto" else settings.device.replace("cuda", "gpu")
        try:
            self.model = create_model(self.name, model_dir=str(settings.folder), device=device)
        except Exception as error:  # PaddleX and Paddle raise all kinds about files and devices
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise UserError(
                f"checkpoint {settings.folder}: PaddleX cannot load it on {settings.device}: {lines[0]}"
            ) from error
        self._lock = threading.Lock()

    def segment(self, picture: Image.Image, prompt: MaskPrompt) -> tuple[ScoredMask, ...]:
        """Return the mask of one positive click, or of one box, whichever the model takes.

        Raises:
            UserError: another prompt, or as `check_inside`.
        """
        upright = model_pixels(picture)
        check_inside(prompt, Size(*upright.size))
        prompts = {PROMPT_OF[self.name]: self._corners(prompt, Size(*upright.size))}
        pixels = np.ascontiguousarray(np.asarray(upright)[:, :, ::-1])  # it takes arrays as BGR
        with self._lock:
            (result,) = self.model.predict(pixels, prompts=prompts)
        mask = np.asarray(result["masks"][0]).reshape(upright.height, upright.width)
        return (ScoredMask(mask > 0),)

    def _corners(self, prompt: MaskPrompt, size: Size) -> list[list[float]]:
        if self.name == "SAM-H_box":
            if prompt.box is None or prompt.clicks:
                raise UserError("SAM-H_box takes a box alone: load SAM-H_point, or set backend=sam2")
            return [list(prompt.box.clipped(size).xyxy)]
        if prompt.box is not None or len(prompt.clicks) != 1:
            raise UserError(
                "SAM-H_point takes one click on the object alone: load SAM-H_box, or set backend=sam2"
            )
        return [[prompt.clicks[0].x, prompt.clicks[0].y]]


def _model_name(folder: Path) -> str:
    import yaml

    path = folder / CONFIG
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        name = content["Global"]["model_name"]
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise UserError(
            f"{path}: no settings of a PaddleX model ({type(error).__name__}): name the folder of "
            "SAM-H_point or SAM-H_box"
        ) from error
    if name not in PROMPT_OF:
        raise UserError(f"{path}: model '{name}' is none of {', '.join(PROMPT_OF)}")
    return str(name)
