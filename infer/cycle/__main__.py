"""`python -m infer.cycle PREDICTIONS [key=value ...]`: are regions found again by their descriptions?"""

import sys
from collections.abc import Sequence

from grounding.errors import print_result, run_command, start_logging
from grounding.layout import find_predictions_file
from grounding.recipe.arguments import Word, settings_arguments
from grounding.recipe.loading import load_settings
from infer.cycle.cycle_settings import CycleRunSettings

EPILOG = """Each description in predictions.jsonl becomes a question for its box, in the data set's wording
for expressions, about the whole picture. A description is found again if the box of the answer has an
IoU of at least 0.5 with its region; one without words is not. Writes cycle.jsonl beside the
predictions: `python -m infer.score` reads it, and shows the share with its interval.
Interrupted runs resume: repeat the command. Any model can be asked, also a larger one on a server.

examples:
  python -m infer.cycle checkpoints/demo/eval checkpoint=checkpoints/demo/full
  python -m infer.cycle checkpoints/demo/eval engine=openai base_url=http://localhost:8000/v1 model=judge"""


def main(argv: Sequence[str] | None = None) -> int:
    """Ask for the boxes, and print how many descriptions were found again."""
    (place,), words = settings_arguments(
        CycleRunSettings,
        Word("predictions", "predictions.jsonl with descriptions, or its folder"),
        prog="python -m infer.cycle",
        description="Ask a model for the box of each description, and compare it with the described region.",
        epilog=EPILOG,
        example="checkpoint=DIR",
        argv=argv,
    )
    start_logging()
    settings = load_settings(CycleRunSettings, words)
    predictions = find_predictions_file(place)
    from infer.cycle.cycle_report import cycle_report
    from infer.cycle.cycle_run import find_again
    from infer.engines.opening import open_engine

    path = find_again(predictions, settings, open_engine)
    print_result(f"{cycle_report(predictions)}\n{path}: `python -m infer.score {predictions}` shows it, too")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
