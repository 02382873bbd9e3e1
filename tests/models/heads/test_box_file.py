"""box_head.safetensors: saved and read again, and refused where it belongs to something else or is broken."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from grounding.errors import UserError
from grounding.layout import BOX_HEAD_FILE
from models.heads.box import weight_shapes
from models.heads.box_file import CARD, BoxHead, BoxHeadCard, load_box_head, read_box_head, save_box_head

CARD_OF_TEST = BoxHeadCard(
    checkpoint="abc", trained_on="abc", family="qwen3_vl", width=3, hidden=4, dataset="def", images=5,
    boxes=6, matched=2, settings={"seed": 1}, measured={"mean_iou_text": 0.5},
)  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    chance = np.random.default_rng(0)
    weights = {
        name: (1 + chance.uniform(size=shape)).astype("float32")
        for name, shape in weight_shapes(3, 4).items()
    }
    save_box_head(BoxHead(weights, CARD_OF_TEST), tmp_path / "box_head" / BOX_HEAD_FILE)
    return tmp_path / "box_head" / BOX_HEAD_FILE


def test_a_head_comes_back_as_it_was_saved(path: Path) -> None:
    head = load_box_head(path, "abc")
    assert head.card == CARD_OF_TEST
    again = path.with_name("again.safetensors")
    save_box_head(head, again)
    assert again.read_bytes() == path.read_bytes()
    assert {file.name for file in path.parent.iterdir()} == {path.name, again.name}


def test_a_head_of_another_checkpoint_is_refused(path: Path) -> None:
    with pytest.raises(UserError, match=r"made for another checkpoint: run `python -m train.box_head`"):
        load_box_head(path, "abcd")


def test_a_missing_head_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file: run"):
        read_box_head(tmp_path / BOX_HEAD_FILE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 2}, "another version"),
        ({"places": ["box_end"]}, "another version"),
        ({"width": "3"}, "width"),
        ({"width": 7}, "tensors"),
        ({"width": 1 << 40}, "impossible width"),
        ({"hidden": -4}, "impossible width"),
        ({"more": 1}, "no card"),
        ({"checkpoint": None}, "checkpoint"),
    ],
)
def test_another_card_is_refused(path: Path, changes: dict[str, Any], message: str) -> None:
    import dataclasses

    card = dataclasses.asdict(CARD_OF_TEST) | changes
    save_file(load_file(path), path, {CARD: json.dumps(card)})
    with pytest.raises(UserError, match=message):
        read_box_head(path)


@pytest.mark.parametrize("kind", ["half", "no card", "nested", "nan", "float64", "missing", "scale"])
def test_a_broken_file_is_refused_with_one_line(path: Path, kind: str) -> None:
    import dataclasses

    weights, card = load_file(path), json.dumps(dataclasses.asdict(CARD_OF_TEST))
    if kind == "half":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif kind == "no card":
        save_file(weights, path)
    elif kind == "nested":
        save_file(weights, path, {CARD: "[" * 100_000})
    else:
        if kind == "missing":
            del weights["match.out"]
        elif kind == "float64":
            weights["match.out"] = weights["match.out"].astype("float64")
        else:
            weights["scale"][0] = {"nan": np.nan, "scale": 0.0}[kind]
        save_file(weights, path, {CARD: card})
    with pytest.raises(UserError, match=BOX_HEAD_FILE) as raised:
        read_box_head(path)
    assert "\n" not in str(raised.value)


def test_a_head_after_an_export_says_what_it_was_trained_on(path: Path) -> None:
    head = read_box_head(path)
    save_box_head(BoxHead(head.weights, replace(head.card, checkpoint="exported")), path)
    moved = load_box_head(path, "exported").card
    assert (moved.checkpoint, moved.trained_on) == ("exported", "abc")
