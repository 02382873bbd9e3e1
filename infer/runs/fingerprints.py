"""The hashes that tell whether saved answers belong to this checkpoint and these questions."""

from collections.abc import Sequence
from pathlib import Path

from grounding.files import read_json
from infer.asking.dataset_questions import Question, fingerprint_questions
from infer.confidence.calibration import Calibration, fingerprint_calibration
from infer.engines.box_head_place import fingerprint_box_head
from infer.engines.checkpoint import Checkpoint, fingerprint_checkpoint
from models.heads.box_file import BoxHead

FINGERPRINTS_FILE = "fingerprints.json"


def fingerprint_run(
    checkpoint: Checkpoint | None,
    questions: Sequence[Question],
    calibration: Calibration | None = None,
    box_head: BoxHead | None = None,
) -> dict[str, str]:
    """Return the hashes of a checkpoint (None: a server's model, which cannot be hashed) and of questions.

    If a calibration or a box head makes scores or boxes, its hash is there, too.
    """
    known = {
        "checkpoint": "none" if checkpoint is None else fingerprint_checkpoint(checkpoint),
        "questions": fingerprint_questions(questions),
    }
    if calibration is not None:
        known["calibration"] = fingerprint_calibration(calibration)
    if box_head is not None:
        known["box_head"] = fingerprint_box_head(box_head)
    return known


def has_fingerprints(path: Path, fingerprints: dict[str, str]) -> bool:
    """Tell whether a file of fingerprints exists and holds these."""
    return path.is_file() and read_json(path) == fingerprints
