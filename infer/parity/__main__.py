"""`python -m infer.parity CHECKPOINT [key=value ...]`: compare the boxes of several engines."""

import os
import sys
from collections.abc import Sequence

from grounding.errors import print_result, run_command
from grounding.recipe.arguments import Word, settings_arguments
from grounding.recipe.loading import load_settings
from infer.parity.parity_settings import ParitySettings
from infer.serve.address import plain_words

EPILOG = """Asks 64 frozen questions about drawn pictures: the engine on PaddlePaddle, transformers in a
Python of its own (make setup-torch), and a server if base_url is set. If less than 99 % of the
boxes are equal, or an earlier stage differs, the first stage that differs is named: template,
image size, pixels, positions, first token, decoding, or scores (those of boxes, and the
features that a calibration weighs). The exit code is 0 if nothing differs, 1 if something does.

examples:
  python -m infer.parity checkpoints/demo/full base_url=http://127.0.0.1:8008/v1
  python -m infer.parity checkpoints/mine/export base_url=http://127.0.0.1:8000/v1 model=mine"""


TENSOR_FLOAT32 = "NVIDIA_TF32_OVERRIDE"
"""0: NVIDIA's libraries compute float32 with all of its bits; by default some products have 10 of 23."""


def main(argv: Sequence[str] | None = None) -> int:
    """Ask all engines, print what is equal and what differs, and return 0 or 1."""
    (checkpoint,), words = settings_arguments(
        ParitySettings,
        Word("checkpoint", "model folder, or a LoRA run's folder"),
        prog="python -m infer.parity",
        description="Compare the boxes of a checkpoint in several engines.",
        epilog=EPILOG,
        example="base_url=",
        argv=argv,
    )
    settings = load_settings(ParitySettings, plain_words(words))
    os.environ.setdefault(TENSOR_FLOAT32, "0")  # for Paddle here, and for the process of transformers
    from infer.parity.comparing import compare_engines

    reports = compare_engines(checkpoint, settings)
    print_result("\n".join(report.text for report in reports))
    return 0 if all(report.is_equal for report in reports) else 1


if __name__ == "__main__":
    sys.exit(run_command(main, resumes=False))
