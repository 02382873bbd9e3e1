"""The print of a picture: what is left of it in copies that were made smaller, larger, or saved anew.

The picture is reduced to 17 x 16 grey cells; a bit per neighbouring pair says which one is brighter (the
"difference hash", Krawetz, 2013, in a longer form). Copies differ in few bits. Pictures with few contours,
such as a plain ground, are alike in their bits: a small thumbnail in colour has to agree, too, everywhere.
benchmarks/teacher_guard.py measures the limits. Mirrored pictures and parts of pictures are not known.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

SIDE = 16
THUMBNAIL = 16

MOST_BITS = 40
"""Of SIDE * SIDE bits, in which a copy may differ. Pictures that have nothing in common differ in half."""

MOST_DIFFERENCE, MOST_IN_A_CELL = 5.0, 24.0
"""Difference of a copy's thumbnail: on the average, and of its worst pixel, in steps of 0..255."""

Bits = npt.NDArray[np.uint8]
"""SIDE * SIDE bits, packed."""

Thumbnail = npt.NDArray[np.uint8]
"""RGB, shape (THUMBNAIL, THUMBNAIL, 3)."""

_ONES = np.array([bin(byte).count("1") for byte in range(256)], dtype=np.uint8)


@dataclass(frozen=True)
class PicturePrint:
    """The bits and the thumbnail of a picture."""

    bits: Bits
    thumbnail: Thumbnail


def make_print(picture: Image.Image) -> PicturePrint:
    """Return the print of a picture in RGB."""
    grey = picture.convert("L").resize((SIDE + 1, SIDE), Image.Resampling.BOX)
    cells = np.asarray(grey, dtype=np.int16)
    thumbnail = picture.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    return PicturePrint(np.packbits(cells[:, 1:] > cells[:, :-1]), np.asarray(thumbnail, dtype=np.uint8))


def differing_bits(first: Bits, second: Bits) -> npt.NDArray[np.int64]:
    """Return in how many bits prints differ; the last axis is that of the bits."""
    counted: npt.NDArray[np.int64] = _ONES[first ^ second].sum(axis=-1, dtype=np.int64)
    return counted


class PrintBook:
    """Many prints, in which a copy's original is found."""

    def __init__(self, prints: list[PicturePrint]) -> None:
        """Take the prints of all originals."""
        self._bits = np.array([item.bits for item in prints], dtype=np.uint8).reshape(
            len(prints), SIDE * SIDE // 8
        )
        self._thumbnails = [item.thumbnail.astype(np.float32) for item in prints]

    def find(self, copy: PicturePrint) -> int | None:
        """Return the place of the original that a picture is a copy of, None if there is none."""
        if not len(self._bits):
            return None
        differing = differing_bits(self._bits, copy.bits)
        near = np.flatnonzero(differing <= MOST_BITS)
        seen = copy.thumbnail.astype(np.float32)
        for place in near[np.argsort(differing[near], kind="stable")]:
            difference = np.abs(self._thumbnails[place] - seen).mean(axis=2)
            if difference.mean() <= MOST_DIFFERENCE and difference.max() <= MOST_IN_A_CELL:
                return int(place)
        return None
