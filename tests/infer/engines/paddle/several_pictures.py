"""Questions about several pictures of different sizes, for the tests of the engine."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from infer.engines.protocol import Exchange, Request

SIZES = ((64, 48), (48, 80), (96, 40), (64, 48))


def write_pictures(folder: Path) -> list[Path]:
    """Write pictures of random pixels, two of them of one size."""
    generator = np.random.default_rng(3)
    files = []
    for number, (width, height) in enumerate(SIZES):
        files.append(folder / f"several_{number}.png")
        pixels = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(files[-1])
    return files


def ask_about(files: Sequence[Path], words: str = "What is the same?", system: str = "") -> Request:
    """Ask about pictures, with words between them."""
    return Request(tuple(files), system, "<image> and ".join(["", *[""] * len(files)]) + words)


def later_picture(files: Sequence[Path]) -> Request:
    """Ask about the first picture, and then about all of them."""
    more = "<image>" * (len(files) - 1)
    return Request(
        tuple(files), "", f"Now {more} what is red?", history=(Exchange("<image>What is it?", "A dog."),)
    )
