"""The hashes that tell whether saved answers belong to this checkpoint and these questions."""

from collections.abc import Sequence
from pathlib import Path

from grounding.files import read_json
from infer.asking.dataset_questions import Question, fingerprint_questions
from infer.engines.checkpoint import Checkpoint, fingerprint_checkpoint

FINGERPRINTS_FILE = "fingerprints.json"


def fingerprint_run(checkpoint: Checkpoint | None, questions: Sequence[Question]) -> dict[str, str]:
    """Return the hashes of a checkpoint (None: a server's model, which cannot be hashed) and of questions."""
    return {
        "checkpoint": "none" if checkpoint is None else fingerprint_checkpoint(checkpoint),
        "questions": fingerprint_questions(questions),
    }


def has_fingerprints(path: Path, fingerprints: dict[str, str]) -> bool:
    """Tell whether a file of fingerprints exists and holds these."""
    return path.is_file() and read_json(path) == fingerprints
