"""`python -m infer.pairs CHECKPOINT DATASET [key=value ...]`: training data of a model's own answers."""

import sys
from collections.abc import Sequence

from grounding.errors import UserError, print_result, run_command, start_logging
from grounding.recipe.arguments import Word, settings_arguments
from grounding.recipe.loading import load_settings
from infer.pairs.pair_settings import PairSettings

EPILOG = """Samples answers to the questions of the training split, gives each a reward for its boxes, and
writes the best and the worst answer to each question for `python -m train` with stage VL-DPO.
keep=best writes the best answer alone, for supervised fine-tuning (rejection sampling). The folder
also has report.txt, card.json, and samples.jsonl with all answers and their rewards.
Interrupted runs resume: repeat the command. Other choices of the same answers take no time.

examples:
  python -m infer.pairs checkpoints/demo/full data/demo limit=500
  python -m train recipes/train/tiny_dpo.yaml
  python -m infer.pairs checkpoints/demo/full data/demo limit=500 keep=best good=0.9"""


def main(argv: Sequence[str] | None = None) -> int:
    """Sample, choose, write, and print what was made."""
    (checkpoint, dataset), words = settings_arguments(
        PairSettings,
        Word("checkpoint", "model folder, LoRA run's folder, or model on a hub", str),
        Word("dataset", "the prepared data set with the training questions"),
        prog="python -m infer.pairs",
        description="Make pairs of a better and a worse answer of a model, or keep its best answers.",
        epilog=EPILOG,
        example="answers=8",
        argv=argv,
        with_overlay=True,
    )
    start_logging()
    if any(word.partition("=")[0] == "split" for word in words):
        raise UserError(
            "split: pairs are made of the training split alone, scores need the others: leave it out"
        )
    settings = load_settings(PairSettings, words)
    from infer.engines.opening import open_engine
    from infer.pairs.pair_making import make_pairs

    report = make_pairs(checkpoint, dataset, settings, open_engine)
    print_result(f"{report}\n{settings.output_path(checkpoint)}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
