"""The box head of a run, carried into its export."""

import logging
from dataclasses import replace
from pathlib import Path

from grounding.layout import BOX_HEAD_FILE, BOX_HEAD_FOLDER
from models.folder_files import fingerprint_model
from models.heads.box_file import AGAIN, BoxHead, read_box_head, save_box_head

log = logging.getLogger(__name__)


def carry_box_head(run: Path, source: Path, folder: Path) -> None:
    """Write the box head of a run into the exported folder, with that folder's fingerprint in its card.

    `source` is the folder that the weights came from: the run itself, or the base of its adapter. Merged
    weights are rounded, and give the same states but for that. A head that was made for another checkpoint is
    left out with a warning.

    Raises:
        UserError: the file is no box head.
    """
    path = run / BOX_HEAD_FOLDER / BOX_HEAD_FILE
    if not path.is_file():
        return
    head = read_box_head(path)
    if head.card.checkpoint != fingerprint_model(source, None if source == run else run, run):
        log.warning("%s: left out: it was made for another checkpoint: %s", path, AGAIN)
        return
    card = replace(head.card, checkpoint=fingerprint_model(folder, None, folder))
    save_box_head(BoxHead(head.weights, card), folder / BOX_HEAD_FOLDER / BOX_HEAD_FILE)
