"""fisher.safetensors: the diagonal Fisher information of a checkpoint's weights, with its card in the header.

The tensors have the names and the layout of the checkpoint's own weights (Hugging Face's), in float32, so
that they are divided over processes as weights are.
"""

import dataclasses
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from grounding.errors import UserError
from grounding.files import check_types, is_regular, parse_json, replacing
from models.folder_files import fingerprint_model

FISHER_FILE = "fisher.safetensors"
CARD = "card"
VERSION = 1
AGAIN = "run `python -m train.fisher CHECKPOINT DATASET` with this model"


class _Content(TypedDict):
    """The card as JSON."""

    checkpoint: str
    data: str
    records: int
    tokens: int
    dropped: int
    settings: dict[str, Any]
    version: int


@dataclass(frozen=True)
class FisherCard:
    """What the information belongs to, and what it was measured on.

    `checkpoint` is the fingerprint of the model's folder (`models.folder_files`), `data` the SHA-256 of the
    file of records. `records` were learned from, with `tokens` learned tokens; `dropped` were too long or
    faulty. `settings` say how records were encoded.
    """

    checkpoint: str
    data: str
    records: int
    tokens: int
    dropped: int
    settings: Mapping[str, Any]
    version: int = VERSION


def save_fisher(fisher: Mapping[str, Any], card: FisherCard, path: Path) -> None:
    """Write numpy arrays by name with their card, whole or not at all.

    Raises:
        UserError: the file cannot be written.
    """
    from safetensors.numpy import save_file

    with replacing(path) as file:  # by its name, as a large model's bytes would be in memory twice
        save_file(
            dict(fisher), file.name, metadata={CARD: json.dumps(dataclasses.asdict(card), sort_keys=True)}
        )


def read_fisher_card(path: Path) -> FisherCard:
    """Read the card of a file, which may be a stranger's.

    Raises:
        UserError: no such file, no Fisher information, or one of another version.
    """
    from safetensors import SafetensorError, safe_open

    if not is_regular(path):
        raise UserError(f"{path}: no such file: {AGAIN}")
    try:
        with safe_open(str(path), framework="np") as tensors:
            content = parse_json((tensors.metadata() or {}).get(CARD, ""))
        check_types(content, _Content)
    except (SafetensorError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: is no Fisher information: {AGAIN}") from error
    if content["version"] != VERSION:
        raise UserError(f"{path}: has version {content['version']}, not {VERSION}: {AGAIN}")
    return FisherCard(**content)


def check_fisher(path: Path, model: Path) -> FisherCard:
    """Return the card of a file that belongs to the model in a folder.

    Raises:
        UserError: it cannot be read, or was measured at another checkpoint.
    """
    card = read_fisher_card(path)
    if card.checkpoint != fingerprint_model(model, None, model):
        raise UserError(f"{path}: was measured at another checkpoint than {model}: {AGAIN}")
    return card


def load_fisher(model: Any, path: Path) -> dict[str, Any]:
    """Return the information of each weight of a plain model, float32, by its parameter's name.

    With tensor parallelism it is that of this process's part: it is read as from_pretrained reads weights.
    """
    import paddle

    state = {name: each for name, each in model.sharded_state_dict().items() if ".lora_" not in name}
    for each in state.values():
        each.local_tensor = paddle.zeros(each.local_tensor.shape, dtype="float32")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "model.safetensors").symlink_to(path.resolve())
        paddle.distributed.load_state_dict(
            state, path=folder, aoa_config=type(model)._gen_aoa_config(model.config), safetensors=True
        )
    names = {name: each.name for name, each in model.named_parameters()}
    return {names[name]: each.local_tensor for name, each in state.items() if name in names}
