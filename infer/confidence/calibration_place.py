"""Which calibration belongs to a model: where its file is, and whether it was made for this checkpoint."""

from pathlib import Path

from grounding.errors import UserError
from grounding.layout import CALIBRATION_FILE
from infer.confidence.calibration import Calibration
from infer.confidence.calibration_file import load_calibration
from infer.engines.checkpoint import Checkpoint, fingerprint_checkpoint
from infer.engines.settings import EngineSettings


def calibration_path(settings: EngineSettings, checkpoint: Checkpoint | None) -> Path:
    """Return the file that `calibration` names, else the one beside the checkpoint.

    Raises:
        UserError: neither key is set.
    """
    if settings.calibration is not None:
        return Path(settings.calibration)
    if checkpoint is None:
        raise UserError(
            f"calibration: set it to a {CALIBRATION_FILE}, or checkpoint= to the folder of the server's model"
        )
    return (checkpoint.adapter or checkpoint.model) / CALIBRATION_FILE


def model_identity(settings: EngineSettings, checkpoint: Checkpoint | None) -> str:
    """Return what tells a model from others: the hash of its files, or the name that a server gives it."""
    return f"server's {settings.model}" if checkpoint is None else fingerprint_checkpoint(checkpoint)


def find_calibration(settings: EngineSettings, checkpoint: Checkpoint | None) -> Calibration:
    """Return the calibration of a model.

    Raises:
        UserError: there is none, it cannot be read, or it was made for another checkpoint.
    """
    path = calibration_path(settings, checkpoint)
    calibration = load_calibration(path)
    if calibration.fitted_on.checkpoint != model_identity(settings, checkpoint):
        known = (
            "of this server's model: set checkpoint= to its folder" if checkpoint is None else "of this one"
        )
        raise UserError(
            f"{path}: made for another checkpoint: run `python -m infer.calibrate` to make that {known}"
        )
    return calibration
