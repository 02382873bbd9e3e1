"""`python -m infer.serve CHECKPOINT [key=value ...]`: OpenAI's chat completions, answered by PaddlePaddle."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from grounding.errors import run_command
from grounding.recipe.loading import load_settings
from grounding.recipe.schema import describe_keys
from infer.serve.address import plain_words
from infer.serve.serve_settings import ServeSettings
from infer.serve.server import serve

EXAMPLE = """example:
  python -m infer.serve checkpoints/demo/full port=8008 model=shapes"""


def main(argv: Sequence[str] | None = None) -> int:
    """Load the checkpoint and answer until it is interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m infer.serve",
        description="Serve a checkpoint by OpenAI's chat completions.",
        epilog="keys:\n" + "\n".join(describe_keys(ServeSettings)) + "\n\n" + EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("checkpoint", type=Path, help="model folder, LoRA run's folder, or a hub's model")
    parser.add_argument("overrides", metavar="key=value", nargs="*", help="settings, such as port=8009")
    arguments = parser.parse_args(argv)
    serve(arguments.checkpoint, load_settings(ServeSettings, plain_words(arguments.overrides)))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main, resumes=False))
