"""BASE and TUNED that do not belong together are named in one line, before anything is written."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from grounding.errors import UserError
from tests.train.blend.conftest import SHAPES, TOKENIZER, numbers, write, write_model
from train.blend.model_pair import open_pair


def other_shape(folder: Path) -> None:
    write_model(folder, numbers(2) | {"b.weight": np.zeros(4, np.float32)})


def one_less(folder: Path) -> None:
    write_model(folder, numbers(2), shards=(("a.weight", "b.weight"),))


def one_more(folder: Path) -> None:
    write_model(folder, numbers(2) | {"d": np.zeros(1, np.float32)}, shards=((*SHAPES, "d"),))


def other_words(folder: Path) -> None:
    write_model(folder, numbers(2))
    write(folder / "tokenizer.json", TOKENIZER | {"model": {"vocab": {"a": 1, "b": 0}, "merges": []}})


def missing_shard(folder: Path) -> None:
    write_model(folder, numbers(2))
    (folder / "model-00002-of-00002.safetensors").unlink()


def damaged(folder: Path) -> None:
    write_model(folder, numbers(2))
    path = folder / "model-00002-of-00002.safetensors"
    path.write_bytes(path.read_bytes()[:-4])


def unfinished(folder: Path) -> None:
    (folder / "checkpoint-100").mkdir(parents=True)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (other_shape, r"'b.weight' is \[3\] and \[4\]: BASE and TUNED are two models"),
        (one_less, "tuned: has no 'c.bias', which the other has"),
        (one_more, "base: has no 'd', which the other has"),
        (other_words, r"its tokenizer is not .*base's \(2 tokens differ, first 'a'\)"),
        (missing_shard, r"no model-00002-of-00002\.safetensors"),
        (damaged, "damaged header .its numbers end beyond the file"),
        (unfinished, r"tuned: no model\*\.safetensors"),
        (lambda _: None, "tuned: no such folder"),
    ],
)
def test_what_does_not_belong_together(
    base: Path, tmp_path: Path, make: Callable[[Path], None], message: str
) -> None:
    make(tmp_path / "tuned")
    with pytest.raises(UserError, match=message):
        open_pair(str(base), tmp_path / "tuned")


def test_a_pair_of_one_shape(base: Path, tuned: Path) -> None:
    pair = open_pair(str(base), tuned)
    assert pair.point_bytes == 4 * sum(int(np.prod(shape)) for shape in SHAPES.values())
    fingerprint = pair.fingerprint
    write_model(tuned.parent / "third", numbers(3))
    assert open_pair(str(base), tuned.parent / "third").fingerprint != fingerprint
    assert json.loads((tuned / "config.json").read_text(encoding="utf-8"))
