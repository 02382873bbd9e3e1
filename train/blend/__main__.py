"""`python -m train.blend BASE TUNED new=DATASET old=DATASET [key=value ...]`: weights between two models.

Each point is (1 - a) BASE + a TUNED, or TUNED's LoRA adapter times a beside BASE: that costs no training. It
is written, scored on the data sets of the new task and of the old ones, and the front of new score against
old score is drawn. The best point has the highest new score of those that keep `least_old` of BASE's old
score. Its folder is a checkpoint as any other. Interrupted runs resume: repeat the command.
"""

import sys
from collections.abc import Sequence

from grounding.errors import print_result, run_command, start_logging
from grounding.recipe.arguments import Word, settings_arguments
from grounding.recipe.loading import load_settings
from train.blend.blend_settings import BlendSettings

EPILOG = """examples:
  python -m train.blend Qwen/Qwen3-VL-8B-Instruct checkpoints/qwen3_vl_8b_full \\
    new=data/coco old=data/refcoco,data/odinw alphas=0,0.25,0.5,0.75,1 infer.batch_size=16
  python -m train.blend checkpoints/demo/base checkpoints/demo/lora new=data/new old=data/demo keep=all"""


def main(argv: Sequence[str] | None = None) -> int:
    """Write and score the points, and print the table and the best of them."""
    (base, tuned), words = settings_arguments(
        BlendSettings,
        Word("BASE", "the model before: a folder, or a model on a hub", str),
        Word("TUNED", "the finished run: a folder of a full or a LoRA run"),
        prog="python -m train.blend",
        description=__doc__ or "",
        epilog=EPILOG,
        example="new=data/coco old=data/refcoco",
        argv=argv,
    )
    settings = load_settings(BlendSettings, [_as_text(word) for word in words])
    start_logging()
    from train.blend.blending import blend

    print_result(blend(base, tuned.expanduser(), settings))
    return 0


def _as_text(word: str) -> str:
    """Quote lists of numbers and names: YAML would read them as other types."""
    key, mark, value = word.partition("=")
    return f"{key}={mark and value!r}" if key in ("alphas", "new", "old") and mark else word


if __name__ == "__main__":
    sys.exit(run_command(main))
