"""Pictures as SAM 2 takes them, and its masks in the size of the picture.

Source: Sam2Processor of transformers 5.3, whose image processor needs torchvision; the values are the same.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from grounding.boxes import Size
from grounding.errors import UserError
from grounding.images.region_pictures import Mask
from infer.engines.segment.segmenter import MaskPrompt

MODES = {0: "nearest", 2: "bilinear", 3: "bicubic"}
"""Pillow's numbers of ways to resize, which preprocessor_config.json has."""


@dataclass(frozen=True)
class Sam2Pictures:
    """What preprocessor_config.json says about pictures; without the file, what all published models have."""

    height: int = 1024
    width: int = 1024
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    mode: str = "bilinear"

    @classmethod
    def of_folder(cls, folder: Path, model_side: int) -> "Sam2Pictures":
        """Read the file of a model folder, for a model that takes squares of `model_side` pixels.

        Raises:
            UserError: the file is damaged, or says another size than the model's.
        """
        path = folder / "preprocessor_config.json"
        try:
            said = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            size = said.get("size") or {"height": model_side, "width": model_side}
            read = cls(
                int(size["height"]),
                int(size["width"]),
                tuple(map(float, said.get("image_mean") or cls.mean)),
                tuple(map(float, said.get("image_std") or cls.std)),
                MODES[said.get("resample", 2)],
            )
            if {len(read.mean), len(read.std)} != {3}:
                raise ValueError("mean and std have three values each")
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise UserError(
                f"{path}: not readable as the settings of SAM 2's pictures ({error}): fetch it again"
            ) from error
        if (read.height, read.width) != (model_side, model_side):
            raise UserError(
                f"{path}: pictures of {read.width}x{read.height} pixels, the model takes {model_side}: take "
                "both files from one folder"
            )
        return read

    def tensor(self, picture: Image.Image) -> torch.Tensor:
        """Return an RGB picture as floats, shape (3, height, width) of the model."""
        pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None]
        smooth: dict[str, Any] = {} if self.mode == "nearest" else {"antialias": True, "align_corners": False}
        resized = torch.nn.functional.interpolate(pixels, (self.height, self.width), mode=self.mode, **smooth)
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (self.mean, self.std))
        return (resized[0] / 255 - mean) / std

    def points(self, prompt: MaskPrompt, size: Size) -> torch.Tensor:
        """Return the clicks of a prompt about a picture of this size, shape (clicks, 2), in model pixels."""
        return self._scaled([(click.x, click.y) for click in prompt.clicks], size)

    def box(self, prompt: MaskPrompt, size: Size) -> torch.Tensor:
        """Return the box of a prompt about a picture of this size, shape (4,), in model pixels."""
        assert prompt.box is not None
        x1, y1, x2, y2 = prompt.box.clipped(size).xyxy
        return self._scaled([(x1, y1), (x2, y2)], size).reshape(4)

    def _scaled(self, points: list[tuple[float, float]], size: Size) -> torch.Tensor:
        scale = torch.tensor([self.width / size.width, self.height / size.height])
        return torch.tensor(points, dtype=torch.float32).reshape(-1, 2) * scale


def masks_at_size(logits: torch.Tensor, size: Size) -> list[Mask]:
    """Return masks of a picture's size from the model's, shape (masks, height, width)."""
    masks = []
    for mask in logits:  # one at a time: floats of a large picture take much memory
        resized = torch.nn.functional.interpolate(
            mask[None, None].float(), (size.height, size.width), mode="bilinear", align_corners=False
        )
        masks.append(np.asarray((resized[0, 0] > 0).cpu().numpy()))
    return masks
