"""`python -m infer.report RUN_OR_IMAGES rules=RULES [key=value ...]`: defects, verdicts and a summary."""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grounding.errors import UserError, print_result, run_command, start_logging
from grounding.recipe.loading import load_recipe, load_settings
from grounding.recipe.schema import describe_keys
from infer.report.report_settings import ReportSettings, ThresholdSettings

if TYPE_CHECKING:
    from infer.recipe import InferRecipe

THRESHOLD = "threshold"

DESCRIPTION = """Inspect the pictures of a run, or of a folder, by rules.

  RUN      a folder with predictions.jsonl, that file, or the infer recipe that wrote it
  IMAGES   a folder of pictures, or one picture: the model of recipe= is asked, about no picture twice

Writes report.html (it prints to PDF), pictures.csv, defects.csv, summary.csv, summary.json, and for each
picture a JSON in pictures/, as inspection.schema.json says. Interrupted inspections resume.
`python -m infer.report threshold RUN rules=RULES recall=0.95` chooses on validation pictures from which
confidence boxes count, and prints the errors to expect."""

EXAMPLES = """examples:
  python -m infer.report checkpoints/demo/eval_after rules=recipes/report/rules.yaml
  python -m infer.report threshold checkpoints/mine/scored rules=rules.yaml recall=0.95
  python -m infer.report threshold checkpoints/mine/scored rules=rules.yaml cost_missed=50 cost_false_alarm=1
  python -m infer.report camera/ rules=rules.yaml recipe=recipes/infer/mine.yaml score=min_prob \\
      threshold=threshold.json output_dir=reports/line_3 watch=true"""


def main(argv: Sequence[str] | None = None) -> int:
    """Inspect, or choose a threshold, and print what came out."""
    words = list(sys.argv[1:] if argv is None else argv)
    is_threshold = words[:1] == [THRESHOLD]
    keys = "\n".join(describe_keys(ReportSettings))
    own = "\n".join(describe_keys(ThresholdSettings))
    parser = argparse.ArgumentParser(
        prog="python -m infer.report",
        description=DESCRIPTION,
        epilog=f"keys:\n{keys}\n\nkeys of threshold:\n{own}\n\n{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("place", metavar="RUN_OR_IMAGES", type=Path)
    parser.add_argument("overrides", metavar="key=value", nargs="*", help="keys, and those of the recipe")
    arguments = parser.parse_args(words[1:] if is_threshold else words)
    start_logging()
    if is_threshold:
        settings = load_settings(ThresholdSettings, arguments.overrides)
        from infer.report.threshold.chosen_threshold import choose_threshold

        print_result(choose_threshold(arguments.place, settings))
        return 0
    print_result(_inspect(arguments.place, arguments.overrides))
    return 0


def _inspect(place: Path, words: Sequence[str]) -> str:
    names = {field.name for field in dataclasses.fields(ReportSettings)}
    settings = load_settings(ReportSettings, [word for word in words if word.partition("=")[0] in names])
    others = [word for word in words if word.partition("=")[0] not in names]
    if not place.exists():
        raise UserError(f"{place}: no such run, folder or picture")
    from infer.report.pictures.run_pictures import find_run

    if run := find_run(place, None if settings.dataset is None else Path(settings.dataset)):
        if others or settings.recipe is not None or settings.watch:
            first = others[0] if others else "recipe=" if settings.recipe is not None else "watch=true"
            raise UserError(f"{first}: has no effect on a run, which was asked already: leave it out")
        from infer.report.inspecting import report_on_run

        return report_on_run(run, settings)
    recipe = _recipe(settings, others)
    from infer.engines.opening import open_engine
    from infer.report.folder_inspection import report_on_folder

    return report_on_folder(place, settings, recipe, open_engine, _say)


def _recipe(settings: ReportSettings, words: Sequence[str]) -> "InferRecipe":
    """Return the recipe of the model that is asked, with the report's folder as its own."""
    from infer.recipe import InferRecipe

    if settings.recipe is None or settings.output_dir is None:
        key = "output_dir" if settings.recipe else "recipe"
        raise UserError(f"{key}: pictures need recipe=RECIPE, whose model is asked, and output_dir=DIR")
    given = [f"output_dir={settings.output_dir}", f"overwrite={str(settings.overwrite).lower()}"]
    if settings.dataset is not None:
        given.append(f"dataset={settings.dataset}")
    recipe = load_recipe(InferRecipe, Path(settings.recipe), [*words, *given])
    if recipe.tensor_parallel > 1:
        raise UserError("tensor_parallel: one process inspects: serve the model, and set engine=openai")
    return dataclasses.replace(recipe, output_dir=settings.output_dir, split="val", limit=None, shard=None)


def _say(line: str) -> None:
    print_result(line)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(run_command(main))
