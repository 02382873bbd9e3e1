"""`python -m infer.mine CHECKPOINT DATASET [key=value ...]`: what does the model get wrong in training?"""

import sys
from collections.abc import Sequence

from grounding.errors import UserError, print_result, run_command, start_logging
from grounding.recipe.arguments import Word, settings_arguments
from grounding.recipe.loading import load_settings
from infer.mine.mine_settings import MineSettings

EPILOG = """Samples answers to the questions of the training split, grades every object and image (missed, IoU
0.3 to 0.6, wrong label, invented, copied, unstable), and writes a data set of what is hard:
train.jsonl repeats each record by its weight, hard.jsonl has each once. Hard negatives ask for
what the model invents, and for the category that an object is most often taken for.
graded.jsonl says what is wrong with each question, samples.jsonl has the answers. Interrupted
runs resume: repeat the command.

examples:
  python -m infer.mine checkpoints/demo/full data/demo limit=2000
  python -m visualize hard checkpoints/demo/full/hard
  python -m train recipes/train/tiny_hard.yaml"""


def main(argv: Sequence[str] | None = None) -> int:
    """Sample, grade, write, and print what was found."""
    (checkpoint, dataset), words = settings_arguments(
        MineSettings,
        Word("checkpoint", "model folder, LoRA run's folder, or model on a hub", str),
        Word("dataset", "the prepared data set that it was trained on"),
        prog="python -m infer.mine",
        description="Mine hard examples: data for another round of training, from a model's own mistakes.",
        epilog=EPILOG,
        example="answers=8",
        argv=argv,
    )
    start_logging()
    if any(word.partition("=")[0] == "split" for word in words):
        raise UserError(
            "split: hard examples are mined in the training split alone: trained on val, no score would "
            "tell what is learned: leave it out"
        )
    settings = load_settings(MineSettings, words)
    from infer.engines.opening import open_engine
    from infer.mine.mining import mine

    report = mine(checkpoint, dataset, settings, open_engine)
    folder = settings.output_path(checkpoint)
    print_result(f"{report}\n{folder}: the mined data set; look at it with python -m visualize hard {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
