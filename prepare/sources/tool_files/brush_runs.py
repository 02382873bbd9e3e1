"""The box around a brush mask of Label Studio.

Source of the format: label-studio-converter, `brush.py`, `decode_rle`: a stream of bits with the number of
values (32 bits), the size of a value (5), the sizes of four kinds of run (4 each), then runs. The values are
the bytes of an RGBA picture; a pixel is in the mask if its alpha is not 0.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from prepare.sources.parts.outlines import Corners

LARGEST_MASK = 1 << 28
"""Values of a mask, four a pixel: 67 million pixels."""


class _Bits:
    def __init__(self, content: bytes) -> None:
        self._bits = np.unpackbits(np.frombuffer(content, np.uint8))
        self._place = 0

    def read(self, count: int) -> int:
        """Return the next bits as a number.

        Raises:
            ValueError: they end before.
        """
        bits = self._bits[self._place : self._place + count]
        if len(bits) < count:
            raise ValueError("the mask ends too early")
        self._place += count
        return int("".join(map(str, bits.tolist())), 2) if count else 0


def box_of_brush(runs: Any, width: int, height: int) -> Corners:
    """Return the box around a mask as xyxy in pixels; empty if it cannot be read, or has no pixel."""
    if not isinstance(runs, list) or not all(type(value) is int and 0 <= value < 256 for value in runs):
        return ()
    try:
        alpha = _decoded(runs, width * height * 4)[3::4].reshape(height, width) > 0
    except ValueError:
        return ()
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    if not len(rows):
        return ()
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def _decoded(runs: Sequence[int], expected: int) -> Any:
    """Return the values of a mask.

    Raises:
        ValueError: another number of them, or too many.
    """
    bits = _Bits(bytes(runs))
    count = bits.read(32)
    if count != expected or count > LARGEST_MASK:
        raise ValueError(f"{count} values, and the image has {expected}")
    word = bits.read(5) + 1
    sizes = [bits.read(4) + 1 for _ in range(4)]
    values = np.zeros(count, np.uint8 if word <= 8 else np.uint32)
    place = 0
    while place < count:
        is_repeated = bits.read(1)
        stop = place + 1 + bits.read(sizes[bits.read(2)])
        if is_repeated:
            values[place:stop] = bits.read(word)
        else:
            for position in range(place, min(stop, count)):
                values[position] = bits.read(word)
        place = stop
    return values
