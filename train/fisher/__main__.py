"""`python -m train.fisher CHECKPOINT DATASET [key=value ...]`: which weights do the answers of data need?"""

import sys
from collections.abc import Sequence
from pathlib import Path

from grounding.errors import print_result, run_command, start_logging
from grounding.recipe.arguments import Word, settings_arguments
from grounding.recipe.loading import load_settings
from train.fisher.fisher_settings import FisherSettings

EPILOG = """Writes the diagonal of the empirical Fisher information: for each weight, the mean over records of
the squared gradient of the log-likelihood of the answer. A training with grounding_ewc holds weights near the
start where it is large. The data should show the skills that are to stay: the old task, or general prompts.
Nothing is written before the end; a command that was interrupted begins anew, and says so.

example:
  python -m train.fisher checkpoints/demo/full data/demo limit=64
  python -m train recipes/train/tiny_full.yaml model_name_or_path=checkpoints/demo/full \\
      'grounding_ewc={fisher: checkpoints/demo/full/fisher/fisher.safetensors, weight: 100.0}'"""


def main(argv: Sequence[str] | None = None) -> int:
    """Encode, differentiate, write, and print what was measured."""
    (checkpoint, dataset), words = settings_arguments(
        FisherSettings,
        Word("checkpoint", "the model folder from which the training will start", Path),
        Word("dataset", "a prepared data set, or a file of records (train.jsonl)", Path),
        prog="python -m train.fisher",
        description="Measure how much each weight matters for data whose skills are to stay.",
        epilog=EPILOG,
        example="limit=64",
        argv=argv,
    )
    start_logging()
    settings = load_settings(FisherSettings, words)
    from train.fisher.fisher_pass import measure_fisher

    print_result(measure_fisher(checkpoint, dataset, settings))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main, resumes=False))
