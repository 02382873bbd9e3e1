"""What a segmenter is asked and what it returns, whichever backend runs it."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image

from grounding.boxes import Box, Size
from grounding.errors import UserError
from grounding.images.region_pictures import Mask


@dataclass(frozen=True)
class Click:
    """A point in pixels of the upright picture: on the object, or on what does not belong to it."""

    x: float
    y: float
    is_positive: bool = True


@dataclass(frozen=True)
class MaskPrompt:
    """Which object is meant: clicks, a box in pixels of the upright picture, or both."""

    clicks: tuple[Click, ...] = ()
    box: Box | None = None

    def __post_init__(self) -> None:
        """Check the values that need no picture.

        Raises:
            ValueError: neither a positive click nor a box, or a coordinate that is no finite number.
        """
        if self.box is None and not any(click.is_positive for click in self.clicks):
            raise ValueError("no object is named: give a box, or at least one click on the object")
        numbers = [number for click in self.clicks for number in (click.x, click.y)]
        if not all(map(math.isfinite, numbers)) or not (self.box is None or self.box.is_finite):
            raise ValueError("a coordinate is no finite number")

    @property
    def is_ambiguous(self) -> bool:
        """Whether several objects can be meant, such as a shirt and its wearer: one click tells little."""
        return self.box is None and len(self.clicks) == 1


@dataclass(frozen=True, eq=False)
class ScoredMask:
    """The pixels of an object, shape (height, width) of the upright picture, and the backend's own score.

    The score is None where a backend has none. SAM 2's is the IoU that it expects, around 0..1.
    """

    mask: Mask
    score: float | None = None


class Segmenter(Protocol):
    """A backend, ready to be asked; several threads may ask at the same time."""

    def segment(self, picture: Image.Image, prompt: MaskPrompt) -> tuple[ScoredMask, ...]:
        """Return one mask or several of an object in a picture, the best first.

        Raises:
            UserError: a click or the box lies outside of the picture, or the backend cannot answer.
        """
        ...


def check_inside(prompt: MaskPrompt, size: Size) -> None:
    """Check that a prompt can be about a picture of this size.

    Raises:
        UserError: a click outside of the picture, or a box that shares no area with it.
    """
    for click in prompt.clicks:
        if not (0 <= click.x < size.width and 0 <= click.y < size.height):
            raise UserError(
                f"click {click.x:g},{click.y:g}: outside of the picture of {size.width}x{size.height} "
                "pixels: click inside of it"
            )
    if prompt.box is not None and not prompt.box.clipped(size).has_area:
        corners = ",".join(f"{corner:g}" for corner in prompt.box.xyxy)
        raise UserError(
            f"box {corners}: no area inside of the picture of {size.width}x{size.height} pixels: give "
            "left,top,right,bottom"
        )


def obeying_clicks(mask: Mask, prompt: MaskPrompt) -> Mask:
    """Return a mask that has the pixels of the positive clicks, and not those of the negative ones."""
    obeying = mask.copy()
    for click in sorted(prompt.clicks, key=lambda click: not click.is_positive):
        obeying[int(click.y), int(click.x)] = click.is_positive
    return obeying


def hull_box(mask: Mask) -> Box | None:
    """Return the smallest box around the pixels of a mask, None for an empty one."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(columns):
        return None
    return Box(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def mask_iou(first: Mask, second: Mask) -> float:
    """Return intersection over union of two masks of one shape, 0 if both are empty."""
    union = int(np.count_nonzero(first | second))
    return int(np.count_nonzero(first & second)) / union if union else 0.0
