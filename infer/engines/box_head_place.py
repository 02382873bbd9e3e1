"""Which box head belongs to a checkpoint: where its file is, and whether it was made for this one."""

import hashlib
from pathlib import Path

from grounding.errors import UserError
from grounding.layout import BOX_HEAD_FILE, BOX_HEAD_FOLDER
from infer.engines.checkpoint import Checkpoint, fingerprint_checkpoint
from infer.engines.settings import EngineSettings
from models.folder_files import CONFIG_FILE, read_object
from models.heads.box_file import AGAIN, BoxHead, load_box_head
from models.lookup import find_family


def box_head_path(settings: EngineSettings, checkpoint: Checkpoint) -> Path:
    """Return the file that `box_head` names, else the one beside the checkpoint."""
    if settings.box_head is not None:
        return Path(settings.box_head)
    return (checkpoint.adapter or checkpoint.model) / BOX_HEAD_FOLDER / BOX_HEAD_FILE


def find_box_head(settings: EngineSettings, checkpoint: Checkpoint) -> BoxHead | None:
    """Return the head that reads a checkpoint's answers; None where neither boxes nor scores are its.

    Raises:
        UserError: there is none, it cannot be read, or it was made for another checkpoint.
    """
    if not settings.uses_box_head:
        return None
    path = box_head_path(settings, checkpoint)
    head = load_box_head(path, fingerprint_checkpoint(checkpoint))
    config = read_object(checkpoint.model / CONFIG_FILE)
    width = find_family(config, checkpoint.model / CONFIG_FILE).text_shape(config).hidden_size
    if (head.card.family, head.card.width) != (config["model_type"], width):
        raise UserError(
            f"{path}: made for hidden states of {head.card.family} of width {head.card.width}, and this "
            f"checkpoint is {config['model_type']} of width {width}: {AGAIN}"
        )
    return head


def fingerprint_box_head(head: BoxHead) -> str:
    """Return a hash of what corrects and scores boxes."""
    digest = hashlib.sha256()
    for name, values in sorted(head.weights.items()):
        digest.update(name.encode())
        digest.update(values.tobytes())
    return digest.hexdigest()
