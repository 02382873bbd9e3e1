import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

from grounding.errors import UserError
from train.gpu_check.evidence.weights_on_disk import compare_weights, read_vectors, shown_names

WEIGHTS = {
    "a.weight": np.array([[1.0, 2.0], [3.0, 1 / 3]], np.float32),
    "a.bias": np.array([0.5, np.nan], np.float32),
    "q_norm.weight": np.array([1.0, 2.0], np.float32),
}


def write(folder: Path, tensors: dict[str, Any], *, tied: bool = True) -> Path:
    folder.mkdir()
    save_file(tensors, folder / "model-00001-of-00001.safetensors")
    (folder / "config.json").write_text(json.dumps({"text_config": {}, "tie_word_embeddings": tied}))
    return folder


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write(tmp_path / "base", WEIGHTS)


def test_the_same_weights_are_the_same(base: Path, tmp_path: Path) -> None:
    changes = compare_weights(base, write(tmp_path / "other", WEIGHTS))
    assert changes.same == tuple(sorted(WEIGHTS))
    assert (changes.changed, changes.missing, changes.added) == ((), (), ())


def test_rounding_to_fewer_bits_is_no_change(base: Path, tmp_path: Path) -> None:
    rounded = {name: weight.astype(ml_dtypes.bfloat16) for name, weight in WEIGHTS.items()}
    other = write(tmp_path / "other", rounded)
    assert compare_weights(base, other).changed == ()
    rounded["a.weight"][1, 1] *= 1.01
    assert compare_weights(base, write(tmp_path / "third", rounded)).changed == ("a.weight",)


def test_values_shapes_and_names_are_compared(base: Path, tmp_path: Path) -> None:
    other = {
        "a.weight": WEIGHTS["a.weight"].reshape(4),
        "a.bias": np.array([0.5, 1.0], np.float32),
        "new.weight": WEIGHTS["a.bias"],
    }
    changes = compare_weights(base, write(tmp_path / "other", other))
    assert changes.changed == ("a.bias", "a.weight")
    assert (changes.missing, changes.added) == (("q_norm.weight",), ("new.weight",))


@pytest.mark.parametrize("tied", [True, False])
def test_a_tied_output_layer_may_be_stored_or_not(tied: bool, tmp_path: Path) -> None:
    base = write(tmp_path / "base", WEIGHTS, tied=tied)
    other = write(tmp_path / "other", {**WEIGHTS, "lm_head.weight": WEIGHTS["a.weight"]}, tied=tied)
    assert compare_weights(base, other).added == (() if tied else ("lm_head.weight",))
    assert compare_weights(other, base).missing == (() if tied else ("lm_head.weight",))


def test_damaged_and_missing_files_are_named(base: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other", WEIGHTS)
    [file] = other.glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(UserError, match="not readable as weights"):
        compare_weights(base, other)
    file.unlink()
    with pytest.raises(UserError, match="no weights"):
        compare_weights(base, other)


def test_vectors_are_read_by_their_endings(base: Path) -> None:
    assert list(read_vectors(base, (".q_norm.weight", "q_norm.weight"))) == ["q_norm.weight"]
    assert shown_names(("a", "b", "c", "d", "e")) == "a, b, c and 2 more"
