"""Recipes in a row: all checked before the first starts; a later one can start from an earlier one."""

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.recipe import parse_overrides
from train.launch.start import train
from train.preflight.all_checks import check_recipe
from train.recipe import has_weights, resolve_recipe

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """A recipe of a row, and where it writes; `stand_in` is a model like its own that is there beforehand."""

    path: Path
    overrides: tuple[str, ...]
    output_dir: Path
    model: str
    stand_in: str

    def words_for_check(self) -> list[str]:
        """Return the overrides for a check before the row starts.

        A model that an earlier recipe will write is of the kind that the earlier one starts from.
        """
        if self.stand_in == self.model or has_weights(Path(self.model)):
            return list(self.overrides)
        return [*self.overrides, _word("model_name_or_path", self.stand_in)]


def train_row(paths: Sequence[Path], overrides: Iterable[str] = ()) -> int:
    """Train recipes one after the other and return 0, or the exit code of the first that failed.

    Those that are finished are skipped, so that a row that was stopped goes on where it was.

    Raises:
        UserError: what the checks of all recipes find, in one message.
    """
    words = list(overrides)
    if len(paths) == 1:
        return train(paths[0], words)
    steps = plan_row(paths, words)
    problems = []
    for step in steps:
        try:
            check_recipe(step.path, step.words_for_check())
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError("; ".join(problems))
    for number, step in enumerate(steps, 1):
        log.info("%s: %d of %d, starts from %s", step.path, number, len(steps), step.model)
        if code := train(step.path, step.overrides):
            log.error("%s: failed, so that the row ends here", step.path)
            return code
    return 0


def plan_row(paths: Sequence[Path], overrides: Sequence[str] = ()) -> list[Step]:
    """Resolve the folders of a row, in which a recipe may name an earlier one's output_dir as its model.

    `output_dir=FOLDER` puts the folders of all recipes into one, and `model_name_or_path=MODEL` replaces the
    model of those that start from none of the row.

    Raises:
        UserError: two recipes write into one folder, or one starts from an adapter.
    """
    given = parse_overrides(overrides)
    steps: dict[Path, Step] = {}  # by the output_dir that the recipe itself names
    for path in paths:
        own, resolved = resolve_recipe(path), resolve_recipe(path, overrides)
        folder = Path(str(own.get("output_dir")))
        words, output_dir = list(overrides), folder
        if "output_dir" in given:
            output_dir = Path(str(given["output_dir"])) / folder.name
            words.append(_word("output_dir", str(output_dir)))  # a later word replaces an earlier one
        for step in steps.values():
            if step.output_dir == output_dir:
                raise UserError(f"{path}: its output_dir '{output_dir}' is that of {step.path}, too")
        model = stand_in = str(resolved.get("model_name_or_path"))
        earlier = steps.get(Path(str(own.get("model_name_or_path"))))
        if earlier:
            _refuse_adapter(path, earlier, resolve_recipe(earlier.path, overrides))
            model, stand_in = str(earlier.output_dir), earlier.stand_in
            words.append(_word("model_name_or_path", model))
        steps[folder] = Step(path, tuple(words), output_dir, model, stand_in)
    return list(steps.values())


def _refuse_adapter(path: Path, earlier: Step, values: dict[str, Any]) -> None:
    if str(values.get("fine_tuning", "LoRA")).lower() == "lora":
        raise UserError(
            f"{path}: model_name_or_path: {earlier.path} trains an adapter, which is no model to start from: "
            "merge it first (python -m train.export)"
        )


def _word(key: str, text: str) -> str:
    return f"{key}={json.dumps(text, ensure_ascii=False)}"
