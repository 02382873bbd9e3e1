"""The images of a page: copied if every browser shows them correctly, else converted to JPEG."""

import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from grounding.boxes import Size
from grounding.images.pixels import TURNED, model_pixels, orientation_of
from visualize.draw.pictures import open_image

LONGEST_SIDE = 1280
"""Pixels; larger images are scaled down."""

QUALITY = 90
SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}
PLAIN_MODES = ("1", "L", "LA", "P", "RGB", "RGBA")
"""Modes that every browser shows, on white, with the colours of `model_pixels`."""


@dataclass(frozen=True)
class PageImage:
    """A file of the page, and the size of the upright image from which it was made."""

    file: str
    size: Size


def copy_images(sources: Sequence[tuple[Path, Size]], folder: Path) -> list[PageImage]:
    """Copy or convert images of known sizes into a folder, in the given order, each under its number.

    Raises:
        UserError: an image is missing or unreadable, or has another size.
    """
    from tqdm import tqdm

    def copy(numbered: tuple[int, tuple[Path, Size]]) -> PageImage:
        number, (source, size) = numbered
        return _copy(source, size, folder / f"{number:06d}")

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        copied = threads.map(copy, enumerate(sources, start=1))
        return list(tqdm(copied, total=len(sources), unit="image", desc="page"))


def _copy(source: Path, size: Size, stem: Path) -> PageImage:
    with open_image(source, size, is_whole=False) as image:
        suffix = SUFFIXES.get(image.format or "")
        is_plain = image.mode in PLAIN_MODES and not getattr(image, "is_animated", False)
        if suffix and is_plain and orientation_of(image) not in TURNED and max(image.size) <= LONGEST_SIDE:
            target = stem.with_suffix(suffix)
            shutil.copyfile(source, target)
            return PageImage(target.name, size)
        target = stem.with_suffix(".jpg")
        picture = model_pixels(open_image(source))
        picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
        picture.save(target, "JPEG", quality=QUALITY)
        return PageImage(target.name, size)
