"""What a run has kept of old skills at each of its evaluations: keep/curves.json in its folder."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from grounding.errors import UserError
from grounding.files import check_types, read_json, write_json
from grounding.layout import KEEP_FOLDER

CURVES_FILE = "curves.json"

DATASET, PROMPTS = "data set", "general prompts"
"""The two kinds of sets."""

DIVERGENCE = "KL"
"""KL(tuned || base): in nats a token, the mean over a set, or over all sets."""

TOKENS_KEPT = "tokens_kept"
"""The share of the tokens of the base's answers that the tuned model ranks first, too."""


CURVES = {
    "AP50": "AP50",
    "f1_50": "F1_50",
    "cider": "CIDEr",
    "cider_zh": "CIDEr_zh",
    "words_exact": "words_exact",
}
"""The name of a curve by the key of the score: those of boxes, then those of words about regions."""


@dataclass(frozen=True)
class KeptSet:
    """A set that must not get worse: its name, its kind, and the data set's folder or the file of prompts."""

    name: str
    kind: str
    path: str


@dataclass(frozen=True)
class KeepPoint:
    """What was measured after a step: the scores of each set by name, and the divergence over all sets."""

    step: int
    sets: Mapping[str, Mapping[str, float]]
    divergence: float


@dataclass(frozen=True)
class KeepRecord:
    """The sets of a run and its points, in the order of their steps."""

    sets: tuple[KeptSet, ...]
    points: tuple[KeepPoint, ...]


class _SetTypes(TypedDict):
    name: str
    kind: str
    path: str


class _PointTypes(TypedDict):
    step: int
    sets: dict[str, dict[str, float]]
    divergence: float


class _KeepTypes(TypedDict):
    sets: list[_SetTypes]
    points: list[_PointTypes]


def curves_file(run: Path) -> Path:
    """Return the file of a run's points."""
    return run / KEEP_FOLDER / CURVES_FILE


def read_keep(run: Path) -> KeepRecord | None:
    """Read what a run has kept, None if it measures nothing or has not begun.

    Raises:
        UserError: not such a file.
    """
    path = curves_file(run)
    if not path.is_file():
        return None
    content: Any = read_json(path)
    try:
        check_types(content, _KeepTypes)
        sets = tuple(KeptSet(**one) for one in content["sets"])
        return KeepRecord(sets, tuple(KeepPoint(**point) for point in content["points"]))
    except (TypeError, ValueError) as error:
        raise UserError(f"{path}: not what a run has kept ({error}): remove it") from error


def add_point(run: Path, sets: tuple[KeptSet, ...], point: KeepPoint) -> None:
    """Add a point to a run's file; it replaces those of its step and of later ones, which a resume repeats.

    The first step begins the file anew.
    """
    before = read_keep(run) if point.step else None
    earlier = [one for one in before.points if one.step < point.step] if before else []
    write_json(curves_file(run), asdict(KeepRecord(sets, (*earlier, point))))
