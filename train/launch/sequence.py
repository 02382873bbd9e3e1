"""Train several recipes in sequence.

All are checked before the first starts. A later recipe can start from the output_dir of an earlier one.
"""

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.recipe.loading import parse_overrides
from train.launch.finished_suites import measure_finished, suites_of
from train.launch.start import train
from train.preflight.all_checks import check_recipe
from train.recipe import has_weights, resolve_recipe, split_options

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SequenceStep:
    """A recipe of a sequence with its overrides, where it writes, and the model that it starts from.

    `stand_in` is a model of the same shape that exists before the sequence starts.
    """

    path: Path
    overrides: tuple[str, ...]
    output_dir: Path
    model: str
    stand_in: str

    def words_for_check(self) -> list[str]:
        """Return the overrides for a check before the sequence starts.

        A model that an earlier recipe will write has the shape of the model that the earlier recipe starts
        from.
        """
        if self.stand_in == self.model or has_weights(Path(self.model)):
            return list(self.overrides)
        return [*self.overrides, _word("model_name_or_path", self.stand_in)]


def train_sequence(paths: Sequence[Path], overrides: Iterable[str] = ()) -> int:
    """Train recipes one after the other and return 0, or the exit code of the first that failed.

    Finished recipes are skipped, so that an interrupted sequence resumes. After the last, the suites that
    any of the recipes names (grounding_eval_suites) are run on its checkpoint.

    Raises:
        UserError: the problems that the checks of all recipes find, in one message.
    """
    words = list(overrides)
    if len(paths) == 1:
        return train(paths[0], words) or _measure([(paths[0], words)])
    steps = plan_sequence(paths, words)
    _check_all(steps)
    for number, step in enumerate(steps, 1):
        log.info("%s: %d of %d, starts from %s", step.path, number, len(steps), step.model)
        if code := train(step.path, step.overrides):
            log.error("%s: failed, the sequence ends here", step.path)
            return code
    return _measure([(step.path, step.overrides) for step in steps])


def _measure(trained: Sequence[tuple[Path, Sequence[str]]]) -> int:
    """Run the suites that the recipes name on the checkpoint of the last."""
    recipes = [resolve_recipe(path, split_options(words)[0]) for path, words in trained]
    return measure_finished(suites_of(recipes), Path(str(recipes[-1]["output_dir"])))


def _check_all(steps: Iterable[SequenceStep]) -> None:
    problems = []
    for step in steps:
        try:
            check_recipe(step.path, step.words_for_check())
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError("; ".join(problems))


def plan_sequence(paths: Sequence[Path], overrides: Sequence[str] = ()) -> list[SequenceStep]:
    """Resolve the folders of a sequence; a recipe can name an earlier one's output_dir as its model.

    `output_dir=FOLDER` makes a folder in FOLDER for each recipe. `model_name_or_path=MODEL` replaces the
    model of the recipes that start from none of the sequence.

    Raises:
        UserError: two recipes write into one folder, or a recipe starts from an adapter.
    """
    given = parse_overrides(overrides)
    steps: dict[Path, SequenceStep] = {}  # by the output_dir that the recipe itself names
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
        steps[folder] = SequenceStep(path, tuple(words), output_dir, model, stand_in)
    return list(steps.values())


def _refuse_adapter(path: Path, earlier: SequenceStep, values: dict[str, Any]) -> None:
    if str(values.get("fine_tuning", "LoRA")).lower() == "lora":
        raise UserError(
            f"{path}: model_name_or_path: {earlier.path} trains an adapter, which is no model to start from: "
            "merge it first (python -m train.export)"
        )


def _word(key: str, text: str) -> str:
    return f"{key}={json.dumps(text, ensure_ascii=False)}"
