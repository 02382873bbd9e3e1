"""calibration.json: a fitted calibration beside its checkpoint, as plain JSON."""

import dataclasses
import math
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from grounding.errors import UserError
from grounding.files import check_types, write_json
from grounding.layout import CALIBRATION_FILE
from infer.confidence.calibration import Calibration, FittedOn, Weighing, is_current
from models.folder_files import TABLE_BYTES, read_object

VERSION = 1
AGAIN = "run `python -m infer.calibrate` again"


class _Weighing(TypedDict):
    names: list[str]
    means: list[float]
    scales: list[float]
    lows: list[float]
    highs: list[float]
    weights: list[float]
    bias: float
    knots: list[list[float]]


class _FittedOn(TypedDict):
    checkpoint: str
    dataset: str
    split: str
    answer_format: str
    images: list[str]
    boxes: int
    right: int
    keys: dict[str, Any]
    versions: dict[str, str]


class _Content(TypedDict):
    """What calibration.json holds; it can come with a stranger's checkpoint."""

    version: int
    weighing: _Weighing
    fitted_on: _FittedOn
    measured: dict[str, float]


def save_calibration(calibration: Calibration, path: Path) -> None:
    """Write a calibration, whole or not at all.

    Raises:
        UserError: the file cannot be written.
    """
    write_json(path, {"version": VERSION, **dataclasses.asdict(calibration)})


def load_calibration(path: Path) -> Calibration:
    """Read a calibration and check its types.

    Raises:
        UserError: no such file, not a calibration, or one of another version's features.
    """
    if not path.is_file():
        raise UserError(
            f"{path}: no such file: run `python -m infer.calibrate` for this checkpoint, then ask with "
            "score=calibrated"
        )
    content = read_object(path, TABLE_BYTES)
    try:
        check_types(content, _Content)
        weighing = _read_weighing(content["weighing"])
    except ValueError as error:
        raise UserError(f"{path}: not a {CALIBRATION_FILE} ({error}): {AGAIN}") from error
    if content["version"] != VERSION or not is_current(weighing):
        raise UserError(f"{path}: made by another version of this project: {AGAIN}")
    known = {field.name: content["fitted_on"][field.name] for field in dataclasses.fields(FittedOn)}
    fitted_on = FittedOn(**(known | {"images": tuple(known["images"])}))
    return Calibration(weighing, fitted_on, content["measured"])


def _read_weighing(content: dict[str, Any]) -> Weighing:
    """Return the weighing in a calibration.

    Raises:
        ValueError: its lists differ in length, or a number would give no probability.
    """
    lists = {name: tuple(content[name]) for name in ("means", "scales", "lows", "highs", "weights")}
    for name, numbers in lists.items():
        if len(numbers) != len(content["names"]):
            raise ValueError(f"weighing.{name}: {len(numbers)} numbers for {len(content['names'])} names")
        if not all(map(math.isfinite, numbers)):
            raise ValueError(f"weighing.{name}: a number is not finite")
    if not math.isfinite(content["bias"]) or not all(scale > 0 for scale in lists["scales"]):
        raise ValueError("weighing: a bias that is finite and scales above 0 are needed")
    knots = content["knots"]
    if knots != sorted(knots) or not all(len(knot) == 2 and 0 <= x <= 1 for knot in knots for x in knot):
        raise ValueError("weighing.knots: rising pairs of probabilities are needed")
    names = tuple(content["names"])
    return Weighing(names, **lists, bias=content["bias"], knots=tuple((x, y) for x, y in knots))
