"""PaddleX's object detection module, from a local folder.

Source: PaddleX 3.7, object detection: a result has `boxes`, each with label, score and coordinate [xmin,
ymin, xmax, ymax] in pixels; arrays are given as BGR. `make setup-paddlex` makes a Python that has it.
"""

import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from grounding.candidates.detector_results import DetectedBox
from grounding.errors import UserError
from grounding.files import file_sha256
from prepare.detect.detected_objects import read_found

CONFIG = "inference.yml"
LEAST_THRESHOLD = 1e-6
"""PaddleX takes a threshold that is not above 0 as none, and then its own."""


class PaddleXDetector:
    """Asks PaddleX about one picture at a time."""

    def __init__(self, folder: Path, device: str, min_score: float) -> None:
        """Load the model.

        Raises:
            UserError: the folder is no PaddleX model, PaddleX is missing, or it cannot load the model.
        """
        self.name = model_name(folder)
        files = sorted(path for path in folder.iterdir() if path.is_file())
        digests = (f"{path.name} {file_sha256(path)}" for path in files)
        self.fingerprint = " ".join([f"paddlex threshold {min_score:g}", *digests])
        if importlib.util.find_spec("paddlex") is None:
            raise UserError(
                f"detector: {folder} is a model of PaddleX, which this Python does not have: run make "
                "setup-paddlex, then .venv-paddlex/bin/python -m prepare.detect"
            )
        os.environ.setdefault("PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK", "True")  # nothing is fetched
        from paddlex import create_model

        place = None if device == "auto" else device
        try:
            self.model = create_model(self.name, model_dir=str(folder), device=place)
        except Exception as error:  # PaddleX and Paddle raise all kinds about files and devices
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise UserError(f"detector: {folder}: PaddleX cannot load it on {device}: {lines[0]}") from error
        self._threshold = max(min_score, LEAST_THRESHOLD)

    def detect(self, picture: Image.Image) -> list[DetectedBox]:
        """Return the objects of a picture.

        Raises:
            UserError: the model is none of object detection.
        """
        pixels = np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])
        (result,) = self.model.predict(pixels, threshold=self._threshold)
        return read_result(result, self.name)


def read_result(result: Any, name: str) -> list[DetectedBox]:
    """Return the objects in a result of PaddleX.

    Raises:
        UserError: it has no boxes of four numbers, as results of other modules.
    """
    try:
        items = [(item["label"], list(item["coordinate"]), item["score"]) for item in result["boxes"]]
    except (KeyError, TypeError) as error:
        raise UserError(
            f"detector: {name} is no model of object detection: its results have no boxes"
        ) from error
    return [read_found(item, f"detector {name}") for item in items]


def model_name(folder: Path) -> str:
    """Return the name of a PaddleX model, as its settings have it.

    Raises:
        UserError: the folder has no settings of a PaddleX model.
    """
    import yaml

    path = folder / CONFIG
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        name = content["Global"]["model_name"]
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise UserError(
            f"{path}: no settings of a PaddleX model ({type(error).__name__}): name the folder of one, or "
            "FILE.py:FUNCTION"
        ) from error
    return str(name)
