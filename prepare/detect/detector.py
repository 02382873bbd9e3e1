"""What a detector is, and how one is opened: a PaddleX model, or a function in a file of the user's."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from PIL import Image

from grounding.candidates.detector_results import DetectedBox
from grounding.errors import UserError
from grounding.files import file_sha256
from prepare.detect.detect_settings import DetectSettings
from prepare.detect.detected_objects import read_found


class Detector(Protocol):
    """Finds objects in pictures."""

    @property
    def fingerprint(self) -> str:
        """A hash of all that decides what it finds: other detectors have another one."""

    def detect(self, picture: Image.Image) -> list[DetectedBox]:
        """Return the objects in an upright RGB picture, boxes in its pixels, with labels and scores.

        Raises:
            UserError: the detector fails, or finds something that is no box.
        """


def open_detector(settings: DetectSettings) -> Detector:
    """Open the detector that the settings name.

    Raises:
        UserError: no such folder, file or function, or it cannot be loaded.
    """
    path = Path(settings.detector).expanduser()
    if path.is_dir():
        from prepare.detect.paddlex_detector import PaddleXDetector

        return PaddleXDetector(path, settings.device, settings.min_score)
    file, mark, name = settings.detector.rpartition(":")
    if mark and file.endswith(".py"):
        return FunctionDetector.load(Path(file).expanduser(), name)
    raise UserError(
        f"detector: {settings.detector} is neither a folder nor FILE.py:FUNCTION: name the folder of a "
        "PaddleX model of object detection, or a function that takes a picture"
    )


@dataclass(frozen=True)
class FunctionDetector:
    """Calls a function in a file of the user's, which can use any library."""

    function: Callable[[Image.Image], Iterable[Any]]
    where: str
    fingerprint: str

    @classmethod
    def load(cls, path: Path, name: str) -> "FunctionDetector":
        """Run a file, and take the function of this name.

        Raises:
            UserError: no such file or function, or the file cannot be run.
        """
        import runpy

        if not path.is_file():
            raise UserError(f"detector: {path}: no such file")
        try:
            content = runpy.run_path(str(path))
        except Exception as error:  # it is the user's code
            raise UserError(f"detector: {path} cannot be run ({type(error).__name__}: {error})") from error
        function = content.get(name)
        if not callable(function):
            raise UserError(f"detector: {path}: no function '{name}': it must take a picture")
        return cls(function, f"{path}:{name}", f"{file_sha256(path)} {name}")

    def detect(self, picture: Image.Image) -> list[DetectedBox]:
        """Return what the function finds.

        Raises:
            UserError: it fails, or returns something else.
        """
        try:
            found = list(self.function(picture))
        except Exception as error:  # it is the user's code
            raise UserError(f"{self.where} failed ({type(error).__name__}: {error})") from error
        return [read_found(item, self.where) for item in found]
