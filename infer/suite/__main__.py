"""`python -m infer.suite SUITE checkpoint=FOLDER [key=value ...]`: measure a checkpoint on several sets.

Each set is asked in each way that the suite names, and scored. The table of all scores goes to suite.md
and suite.json in the suite's folder, beside the checkpoint. Interrupted suites resume: repeat the command.
The exit code is 2 if a set could not be measured: the table then has the others, and names the problem.
All keys of recipes/infer/*.yaml can be given, too, such as device=cpu or limit=100: they hold for all sets.
"""

import sys
from collections.abc import Sequence

from grounding.errors import USER_ERROR_EXIT_CODE, print_result, run_command, start_logging
from grounding.recipe.arguments import recipe_arguments
from grounding.suites.suite_recipe import TABLE_TEXT, SuiteRecipe, load_suite, suite_folder


def main(argv: Sequence[str] | None = None) -> int:
    """Run the suite and print its table."""
    path, overrides = recipe_arguments(
        SuiteRecipe,
        prog="python -m infer.suite",
        description=__doc__ or "",
        example="python -m infer.suite recipes/suites/coco.yaml checkpoint=checkpoints/qwen3_vl_8b_full",
        argv=argv,
    )
    start_logging()
    suite = load_suite(path, overrides)
    from infer.engines.opening import open_engine
    from infer.suite.suite_run import run_suite

    table = run_suite(suite, path, open_engine)
    print_result(f"{table.as_text()}\n{suite_folder(suite, path) / TABLE_TEXT}")
    return USER_ERROR_EXIT_CODE if table.problems else 0


if __name__ == "__main__":
    sys.exit(run_command(main))
