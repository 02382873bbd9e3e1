"""The commands that a step can run: how each takes its words, and where it writes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.layout import BOX_HEAD_FOLDER, CALIBRATION_FILE, EXPORT_FOLDER
from grounding.suites.suite_recipe import SUITES_FOLDER
from infer.recipe import SAME_ANSWERS
from train.keys import CACHE_KEY, SUITES_KEY

Settings = Mapping[str, Any]

RECIPE, PLACE, WORDS = "recipe", "place", "words"
"""A command takes `RECIPE [key=value ...]`, `OUTPUT [key=value ...]`, or words of its own and its output."""

NO_IDENTITY = ("overwrite", "overwrite_output_dir", "resume_from_checkpoint")
"""Keys that say how a command starts: steps that differ in these alone are the same."""


@dataclass(frozen=True)
class StepKind:
    """A command of a chain.

    `place` finds the output among the settings of a recipe, with the recipe's path; `flag` is how another
    command is told its output. Old output that is expensive is kept aside before the step runs with other
    settings, unless only keys in `in_place` changed: then the command itself knows what still holds.
    """

    form: str
    place: Callable[[Settings, Path], str | None] = lambda settings, path: None
    flag: tuple[str, ...] = ()
    is_expensive: bool = False
    in_place: tuple[str, ...] = ()


def _output_dir(settings: Settings, path: Path) -> str | None:
    del path
    return _text(settings.get("output_dir"))


def _export_folder(settings: Settings, path: Path) -> str | None:
    run = _output_dir(settings, path)
    return run and f"{run}/{EXPORT_FOLDER}"


def _cache_folder(settings: Settings, path: Path) -> str | None:
    del path
    return _text(settings.get(CACHE_KEY))


def _suite_folder(settings: Settings, path: Path) -> str | None:
    if settings.get("output_dir"):
        return _output_dir(settings, path)
    checkpoint = _text(settings.get("checkpoint"))
    return checkpoint and f"{checkpoint}/{SUITES_FOLDER}/{path.stem}"


def _calibration_file(settings: Settings, path: Path) -> str | None:
    del path
    checkpoint = _text(settings.get("checkpoint"))
    return _text(settings.get("calibration")) or (checkpoint and f"{checkpoint}/{CALIBRATION_FILE}")


def _box_head_folder(settings: Settings, path: Path) -> str | None:
    del path
    checkpoint = _text(settings.get("checkpoint"))
    return checkpoint and f"{checkpoint}/{BOX_HEAD_FOLDER}"


def _text(value: object) -> str | None:
    return str(value) if value else None


def _drawn(*flag: str) -> StepKind:
    return StepKind(WORDS, flag=flag)


def _derived() -> StepKind:
    return StepKind(WORDS, flag=("output_dir={}",), is_expensive=True)


SAME_SCORES = ("sets", "datasets", "expected", "metrics", "average", "draws")
"""The keys of a suite that change its table, but none of the answers."""

_ANSWERS = StepKind(RECIPE, _output_dir, is_expensive=True, in_place=(*SAME_ANSWERS, "max_detections"))

KINDS: Mapping[str, StepKind] = {
    "prepare.shapes": StepKind(PLACE),
    "prepare": StepKind(RECIPE, _output_dir, is_expensive=True),
    "prepare.each": StepKind(RECIPE, _output_dir, is_expensive=True),
    "prepare.describe": _derived(),
    "prepare.detect": StepKind(WORDS, flag=("output={}",)),
    "prepare.replay": _derived(),
    "train.tiny": StepKind(PLACE),
    "train": StepKind(RECIPE, _output_dir, is_expensive=True, in_place=(SUITES_KEY, CACHE_KEY)),
    "train.cache": StepKind(RECIPE, _cache_folder),
    "train.export": StepKind(RECIPE, _export_folder),
    "train.box_head": StepKind(RECIPE, _box_head_folder),
    "train.fisher": StepKind(WORDS, flag=("output={}",)),
    "train.blend": _derived(),
    "infer": _ANSWERS,
    "infer.parallel": _ANSWERS,
    "infer.suite": StepKind(
        RECIPE,
        _suite_folder,
        is_expensive=True,
        in_place=(*SAME_SCORES, *(f"answers.{key}" for key in SAME_ANSWERS)),
    ),
    "infer.calibrate": StepKind(RECIPE, _calibration_file),
    "infer.mine": _derived(),
    "infer.pairs": _derived(),
    "infer.report": _derived(),
    "infer.compare": _drawn("--output", "{}"),
    "visualize": _drawn("--output", "{}"),
    "visualize page": _drawn("--output", "{}"),
    "visualize compare": _drawn("--output", "{}"),
}
"""By the words after `python -m`."""
