"""Numbers between two tensors, (1 - a) base + a tuned, in pieces: a large model does not fit into memory.

Computed in float32 (float64 for tensors of float64) and rounded to the nearest number of the tuned tensor's
type, ties to even. Linear interpolation of a model and its fine-tuned copy: Wortsman et al., Robust
fine-tuning of zero-shot models, 2022 (WiSE-FT), equation 1.
"""

from collections.abc import Iterator
from typing import Any

from grounding.errors import UserError
from train.blend.weight_tables import BYTES, PlacedTensor

PIECE = 1 << 23
"""Numbers that are in memory at a time, of each of both tensors."""

NUMPY_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}
FLOATS = frozenset({*NUMPY_TYPES, "BF16"})


def blended_bytes(name: str, base: PlacedTensor, tuned: PlacedTensor, share: float) -> Iterator[bytes]:
    """Yield the bytes of a tensor between two, in the tuned one's type.

    At share 1 they are the tuned tensor's own, at 0 the base's, if both are of one type. Tensors of whole
    numbers must be equal.

    Raises:
        UserError: they are not, or a number that is not finite comes out of finite ones.
    """
    if share == 1 or (share == 0 and base.kind == tuned.kind):
        yield from _raw_pieces(tuned if share == 1 else base)
        return
    if tuned.kind not in FLOATS or base.kind not in FLOATS:
        for one, other in zip(_raw_pieces(base), _raw_pieces(tuned), strict=True):
            if one != other:
                raise UserError(f"{tuned.file}: '{name}' has whole numbers, other than {base.file}'s")
            yield other
        return
    for below, above in zip(_float_pieces(base), _float_pieces(tuned), strict=True):
        yield _written((1 - share) * below + share * above, tuned.kind)


def scaled_bytes(tensor: PlacedTensor, share: float) -> Iterator[bytes]:
    """Yield the bytes of a tensor times `share`; at share 1 they are its own."""
    if share == 1:
        yield from _raw_pieces(tensor)
        return
    for piece in _float_pieces(tensor):
        yield _written(share * piece, tensor.kind)


def _raw_pieces(tensor: PlacedTensor) -> Iterator[bytes]:
    with tensor.file.open("rb") as source:
        source.seek(tensor.start)
        left = tensor.length
        while left:
            piece = source.read(min(left, PIECE * BYTES[tensor.kind]))
            if not piece:
                raise UserError(f"{tensor.file}: ends before its tensors do: copy or download it again")
            left -= len(piece)
            yield piece


def _float_pieces(tensor: PlacedTensor) -> Iterator[Any]:
    """Yield the numbers of a tensor as float32; float64 where they are of that type."""
    import numpy as np

    for piece in _raw_pieces(tensor):
        if tensor.kind == "BF16":  # the upper half of a float32
            yield (np.frombuffer(piece, "<u2").astype(np.uint32) << 16).view(np.float32)
        else:
            numbers = np.frombuffer(piece, NUMPY_TYPES[tensor.kind])
            yield numbers if tensor.kind == "F64" else numbers.astype(np.float32)


def _written(numbers: Any, kind: str) -> bytes:
    import numpy as np

    if kind != "BF16":
        return bytes(numbers.astype(NUMPY_TYPES[kind]).tobytes())
    bits = np.ascontiguousarray(numbers.astype(np.float32)).view(np.uint32).astype(np.uint64)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    is_nan = np.isnan(numbers)
    return bytes(np.where(is_nan, 0x7FC0, rounded).astype("<u2").tobytes())
