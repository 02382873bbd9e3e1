"""Numbers between two tensors, of all types, against an independent library of half precisions."""

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.errors import UserError
from train.blend import blended_numbers
from train.blend.blended_numbers import blended_bytes, scaled_bytes
from train.blend.weight_tables import PlacedTensor

TYPES = {"F32": np.float32, "F16": np.float16, "F64": np.float64, "BF16": ml_dtypes.bfloat16}


def stored(path: Path, values: Any, kind: str) -> PlacedTensor:
    content = np.asarray(values).astype(TYPES.get(kind, np.int64)).tobytes()
    path.write_bytes(b"header" + content)
    return PlacedTensor(path, kind, np.asarray(values).shape, len(b"header"), len(content))


def read(pieces: Any, kind: str) -> Any:
    return np.frombuffer(b"".join(pieces), TYPES[kind])


@pytest.mark.parametrize("base_kind", TYPES)
@pytest.mark.parametrize("kind", TYPES)
def test_ends_are_bit_equal_and_half_is_the_mean(
    tmp_path: Path, base_kind: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blended_numbers, "PIECE", 7)  # in several pieces
    made = np.random.default_rng(0)
    base = stored(tmp_path / "base", made.standard_normal(40), base_kind)
    tuned = stored(tmp_path / "tuned", made.standard_normal(40), kind)
    below, above = (
        np.frombuffer(one.file.read_bytes()[one.start :], TYPES[one.kind]) for one in (base, tuned)
    )
    assert b"".join(blended_bytes("w", base, tuned, 1.0)) == above.tobytes()
    start = b"".join(blended_bytes("w", base, tuned, 0.0))
    assert start == (below.tobytes() if kind == base_kind else below.astype(TYPES[kind]).tobytes())
    wide = np.float64 if "F64" in (kind, base_kind) else np.float32
    mean = (below.astype(wide) + above.astype(wide)) / 2
    half = read(blended_bytes("w", base, tuned, 0.5), kind)
    np.testing.assert_array_equal(half, mean.astype(TYPES[kind]))


@given(
    st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=1, max_size=9), st.floats(0, 1, width=32)
)
@settings(max_examples=40)
def test_bfloat16_is_rounded_to_the_nearest(values: list[float], share: float) -> None:
    wide = np.asarray(values, np.float32)
    rounded = np.frombuffer(blended_numbers._written(wide * np.float32(share), "BF16"), ml_dtypes.bfloat16)
    expected = (wide * np.float32(share)).astype(ml_dtypes.bfloat16)
    assert rounded.tobytes() == expected.tobytes()


def test_whole_numbers_have_to_be_equal(tmp_path: Path) -> None:
    one, same = (stored(tmp_path / name, [1, 2, 3], "I64") for name in ("one", "same"))
    assert b"".join(blended_bytes("steps", one, same, 0.5)) == np.asarray([1, 2, 3]).tobytes()
    other = stored(tmp_path / "other", [1, 2, 4], "I64")
    with pytest.raises(UserError, match="'steps' has whole numbers"):
        list(blended_bytes("steps", one, other, 0.5))


def test_a_scaled_tensor(tmp_path: Path) -> None:
    tensor = stored(tmp_path / "b", [1.0, -2.5, 3.0], "BF16")
    assert b"".join(scaled_bytes(tensor, 1.0)) == tensor.file.read_bytes()[tensor.start :]
    assert read(scaled_bytes(tensor, 0.5), "BF16").astype(float).tolist() == [0.5, -1.25, 1.5]


def test_a_file_that_is_cut_is_named(tmp_path: Path) -> None:
    tensor = stored(tmp_path / "cut", [1.0, 2.0], "F32")
    tensor.file.write_bytes(tensor.file.read_bytes()[:-4])
    with pytest.raises(UserError, match="cut: ends before its tensors do"):
        list(blended_bytes("w", tensor, tensor, 1.0))
