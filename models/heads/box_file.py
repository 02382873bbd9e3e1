"""box_head.safetensors: the weights of a box head, with its card in the header.

One file holds both, so that a card never belongs to other weights. It has a folder of its own beside the
checkpoint's files: servers load every *.safetensors of a checkpoint's folder, and would not know its tensors.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from grounding.errors import UserError
from grounding.files import check_types, replacing
from grounding.layout import BOX_HEAD_FILE
from models.heads.box import PLACES, Weights, weight_shapes

VERSION = 1
CARD = "card"
LARGEST = 1 << 30
"""The largest file that is read, in bytes; states of width 8192 and a hidden width of 512 make 340 MB."""

AGAIN = "run `python -m train.box_head` for this checkpoint"


class _Content(TypedDict):
    """The card as JSON."""

    checkpoint: str
    trained_on: str
    family: str
    width: int
    hidden: int
    dataset: str
    images: int
    boxes: int
    matched: int
    settings: dict[str, Any]
    measured: dict[str, float]
    places: list[str]
    version: int


@dataclass(frozen=True)
class BoxHeadCard:
    """What a box head belongs to, and how it was made.

    `checkpoint` is the fingerprint of the base model with its adapter (`models.folder_files`), `trained_on`
    that of the checkpoint that it was trained on: another one if the model was exported since. `family` is
    the model type, `width` that of its hidden states, `hidden` that of the head. `dataset` is the fingerprint
    of the data set's source. `settings` are the keys of the training, `measured` its figures on training
    images that were held out.
    """

    checkpoint: str
    trained_on: str
    family: str
    width: int
    hidden: int
    dataset: str
    images: int
    boxes: int
    matched: int
    settings: Mapping[str, Any]
    measured: Mapping[str, float]
    places: tuple[str, ...] = PLACES
    version: int = VERSION


@dataclass(frozen=True, eq=False)
class BoxHead:
    """A loaded head; `weights` are numpy arrays in float32 by name."""

    weights: Mapping[str, Any]
    card: BoxHeadCard

    def tensors(self) -> Weights:
        """Return the weights as Paddle tensors on the current device."""
        import paddle

        return {name: paddle.to_tensor(values) for name, values in self.weights.items()}


def save_box_head(head: BoxHead, path: Path) -> None:
    """Write a head, whole or not at all.

    Raises:
        UserError: the file cannot be written.
    """
    import numpy as np
    from safetensors.numpy import save

    card = json.dumps(dataclasses.asdict(head.card), sort_keys=True)
    weights = {name: np.ascontiguousarray(values) for name, values in head.weights.items()}
    with replacing(path) as file:
        file.write(save(weights, metadata={CARD: card}))


def load_box_head(path: Path, checkpoint: str) -> BoxHead:
    """Read the head of a checkpoint, which is told by its fingerprint.

    Raises:
        UserError: no such file, not a box head, one of another version, or one of another checkpoint.
    """
    head = read_box_head(path)
    if head.card.checkpoint != checkpoint:
        raise UserError(f"{path}: made for another checkpoint: {AGAIN}")
    return head


def read_box_head(path: Path) -> BoxHead:
    """Read a head, whatever checkpoint it belongs to; its contents may be a stranger's.

    Raises:
        UserError: no such file, not a box head, or one of another version.
    """
    import numpy as np
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise UserError(f"{path}: no such file: {AGAIN}")
    if path.stat().st_size > LARGEST:
        raise UserError(f"{path}: has {path.stat().st_size:,} bytes, and at most {LARGEST:,} are read")
    try:
        with safe_open(str(path), framework="np") as file:
            card = _read_card((file.metadata() or {}).get(CARD, ""))
            shapes = weight_shapes(card.width, card.hidden)
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            if found != shapes:
                raise ValueError(f"its tensors are not those of width {card.width}, hidden {card.hidden}")
            weights = {name: file.get_tensor(name) for name in shapes}
    except (SafetensorError, ValueError, TypeError, OSError) as error:
        raise UserError(f"{path}: not a {BOX_HEAD_FILE} ({error}): {AGAIN}") from error
    for name, values in weights.items():
        if (
            values.dtype != np.float32
            or not np.isfinite(values).all()
            or (name == "scale" and (values <= 0).any())
        ):
            raise UserError(f"{path}: not a {BOX_HEAD_FILE} ({name} has impossible values): {AGAIN}")
    if card.version != VERSION or card.places != PLACES:
        raise UserError(f"{path}: made by another version of this project: {AGAIN}")
    return BoxHead(weights, card)


def _read_card(text: str) -> BoxHeadCard:
    """Return the card in a file's header.

    Raises:
        ValueError: it is none.
    """
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise ValueError("its card is nested too deeply") from error
    fields = {field.name for field in dataclasses.fields(BoxHeadCard)}
    if not isinstance(content, dict) or content.keys() != fields:
        raise ValueError("its header has no card")
    check_types(content, _Content)
    if not (0 < content["width"] <= 1 << 16 and 0 < content["hidden"] <= 1 << 16):
        raise ValueError("its card has an impossible width")
    return BoxHeadCard(**(content | {"places": tuple(content["places"])}))
