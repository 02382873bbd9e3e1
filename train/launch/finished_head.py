"""The box head of a finished run that has trained one (grounding_box_head): its file with its card."""

import hashlib
import logging
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from grounding.card import CARD_FILE, load_card
from grounding.errors import UserError
from grounding.layout import BOX_HEAD_FILE, BOX_HEAD_FOLDER
from models.folder_files import (
    CONFIG_FILE,
    IMAGE_CONFIG,
    LORA_CONFIG,
    TOKENIZER_CONFIG,
    fingerprint_model,
    read_object,
)
from models.heads.box import LEAST_SPREAD, weight_shapes
from models.heads.box_file import BoxHead, BoxHeadCard, save_box_head
from models.hub_downloads import is_hub_id, named_folder
from models.lookup import find_family
from train.export.folder_writer import read_lora_config
from train.objectives.joint_head.growing_head import COUNTS, FIGURES, STATE_FILE
from train.objectives.joint_head.joint_settings import read_joint
from train.recipe import TrainRecipe

log = logging.getLogger(__name__)

BLOCK = 1 << 20
CARD_NAMES = {
    "fit": "fit_loss",
    "match": "match_loss",
    "iou_written": "mean_iou_text",
    "iou": "mean_iou_head",
}
"""The figures of the last steps, as the card calls them: of jittered boxes of training images."""


def finish_head(values: Mapping[str, Any], folder: Path) -> None:
    """Write the head of a finished run, as `train.box_head` does, if there is one to write.

    The weights are those at the end of the training, which the training process has left. A head that is
    there already stays.

    Raises:
        UserError: the file cannot be written, or what the training has left is not whole.
    """
    settings = read_joint(values)
    state_file = folder / BOX_HEAD_FOLDER / STATE_FILE
    if settings is None or not state_file.is_file():
        return
    from safetensors.numpy import load_file

    state = load_file(state_file)
    base, adapter = _folders(folder)
    config = read_object(base / CONFIG_FILE)
    width = find_family(config, base / CONFIG_FILE).text_shape(config).hidden_size
    own = all((folder / name).is_file() for name in (IMAGE_CONFIG, TOKENIZER_CONFIG))
    fingerprint = fingerprint_model(base, adapter, folder if own else base)
    counts = dict(zip(COUNTS, state["counts"].tolist(), strict=True))
    measured = zip(FIGURES, state["measured"].tolist(), strict=True)
    card = BoxHeadCard(
        checkpoint=fingerprint,
        trained_on=fingerprint,
        family=str(config["model_type"]),
        width=width,
        hidden=settings.hidden,
        dataset=_fingerprint_of_data(TrainRecipe(values).data_files("train")),
        images=0,
        boxes=int(counts["boxes"]),
        matched=int(counts["matched"]),
        settings={"trained": "with the model", "steps": int(counts["steps"]), **asdict(settings)},
        measured={CARD_NAMES[name]: round(value, 6) for name, value in measured if math.isfinite(value)},
    )
    save_box_head(
        BoxHead(_weights(state, width, settings.hidden), card), folder / BOX_HEAD_FOLDER / BOX_HEAD_FILE
    )
    state_file.unlink()
    log.info(
        "%s: box head, learned from %s boxes", folder / BOX_HEAD_FOLDER / BOX_HEAD_FILE, f"{card.boxes:,}"
    )


def remove_head(folder: Path) -> None:
    """Remove what an earlier run has left of a head."""
    for name in (STATE_FILE, BOX_HEAD_FILE):
        (folder / BOX_HEAD_FOLDER / name).unlink(missing_ok=True)
    if (folder / BOX_HEAD_FOLDER).is_dir() and not any((folder / BOX_HEAD_FOLDER).iterdir()):
        (folder / BOX_HEAD_FOLDER).rmdir()


def _folders(folder: Path) -> tuple[Path, Path | None]:
    """Return the folder of a run's model, and of its adapter, None without one."""
    if not (folder / LORA_CONFIG).is_file():
        return folder, None
    name, _ = read_lora_config(folder / LORA_CONFIG)
    return (named_folder(name) if is_hub_id(name) else Path(name)), folder


def _weights(state: Mapping[str, Any], width: int, hidden: int) -> dict[str, Any]:
    """Return the weights of `models.heads.box` from a head in training.

    Raises:
        UserError: they are not all there.
    """
    import numpy as np

    try:
        spread = np.maximum(np.sqrt(state["variance"]), LEAST_SPREAD).astype("float32")
        weights = {"mean": state["mean"], "scale": spread} | {
            name: state[name] for name in weight_shapes(width, hidden) if "." in name
        }
    except KeyError as error:
        raise UserError(
            f"{STATE_FILE}: has no {error}: train again with overwrite_output_dir=true"
        ) from error
    return weights


def _fingerprint_of_data(files: list[Path]) -> str:
    """Return that of a prepared data set's source, as for other heads, or a hash of all files."""
    if len(files) == 1 and (files[0].parent / CARD_FILE).is_file():
        return load_card(files[0].parent).source_fingerprint
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
    return digest.hexdigest()
