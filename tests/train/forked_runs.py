"""Train several recipes in forks of one process: `python forked_runs.py RUNS.json`.

Importing PaddleFormers takes longer than a few steps of a tiny model. The JSON file lists [recipe, overrides]
pairs. For each of them, one fork checks the recipe and saves it as `python -m train` does, and another is
PaddleFormers' own process. The output has a line of JSON for each recipe, with its exit code.
"""

import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import yaml
from paddleformers.cli.launcher import launch

from grounding.layout import TRAIN_RECIPE_FILE
from train.launch.command import INSIDE, command, environment
from train.launch.run_folder import log_of
from train.preflight.all_checks import check_recipe
from train.recipe import save_train_recipe


def in_a_fork(action: Callable[[], object], log_file: Path) -> int:
    """Run an action in a fork with its output in a file, and return its exit code."""
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    code = 1
    try:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        with log_file.open("ab") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        action()
        code = 0
    except BaseException:  # noqa: BLE001 (whatever ends the fork belongs into its log)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def check(recipe: Path, overrides: list[str]) -> None:
    values = check_recipe(recipe, overrides)
    save_train_recipe(values, Path(values["output_dir"]))


def train(folder: Path) -> None:
    recipe = yaml.safe_load((folder / TRAIN_RECIPE_FILE).read_text(encoding="utf-8"))
    os.environ.update(environment(recipe, folder, has_gpu=False))
    words = command(recipe, folder, has_gpu=False)
    sys.argv = words[words.index(str(INSIDE / "plain_process.py")) :]  # without Paddle's launcher
    launch()


def main(runs: Path) -> None:
    for recipe, overrides in json.loads(runs.read_text(encoding="utf-8")):
        [folder] = [Path(word.partition("=")[2]) for word in overrides if word.startswith("output_dir=")][-1:]
        checked = folder / "logs" / "check.log"
        code = in_a_fork(lambda r=Path(recipe), o=overrides: check(r, o), checked)  # type: ignore[misc]
        if code == 0:
            code = in_a_fork(lambda f=folder: train(f), log_of(folder))  # type: ignore[misc]
        sys.stdout.write(f"\nRUN {json.dumps({'recipe': recipe, 'code': code})}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
