"""Random box heads for tests."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from grounding.layout import BOX_HEAD_FILE, BOX_HEAD_FOLDER
from models.heads.box import weight_shapes
from models.heads.box_file import BoxHead, BoxHeadCard, save_box_head

TINY_WIDTH = 128
"""The width of hidden states of `train.tiny`'s models."""


def save_random_head(folder: Path, checkpoint: str, **changes: Any) -> Path:
    """Save a head for the checkpoint with this fingerprint into a folder's box_head/; return its path."""
    card = BoxHeadCard(checkpoint, checkpoint, "qwen3_vl", TINY_WIDTH, 4, "data", 1, 1, 1, {}, {})
    card = replace(card, **changes)
    chance, shapes = np.random.default_rng(0), weight_shapes(card.width, card.hidden)
    weights = {name: chance.normal(0, 0.02, shape).astype("float32") for name, shape in shapes.items()}
    weights["scale"] = np.ones(shapes["scale"], "float32")
    path = folder / BOX_HEAD_FOLDER / BOX_HEAD_FILE
    save_box_head(BoxHead(weights, card), path)
    return path
