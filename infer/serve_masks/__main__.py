"""`python -m infer.serve_masks [key=value ...]`: masks for clicks and boxes over HTTP.

With backend=sam2 it runs in the Python of `make setup-sam`, which has torch and no Paddle.
"""

import argparse
import sys
from collections.abc import Sequence

from grounding.errors import run_command
from grounding.recipe.loading import load_settings
from grounding.recipe.schema import describe_keys
from infer.serve.address import plain_words
from infer.serve_masks.worker_settings import WorkerSettings

EXAMPLE = """examples:
  python -m infer.serve_masks
  .venv-torch/bin/python -m infer.serve_masks backend=sam2 checkpoint=sam2.1_hiera_large device=cuda:1
  python -m infer.segment photo.jpg 320,240 backend=http://127.0.0.1:8009"""


def main(argv: Sequence[str] | None = None) -> int:
    """Load the backend and answer until it is interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m infer.serve_masks",
        description="Serve masks for clicks and boxes.",
        epilog="keys:\n" + "\n".join(describe_keys(WorkerSettings)) + "\n\n" + EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("overrides", metavar="key=value", nargs="*", help="settings, such as backend=sam2")
    arguments = parser.parse_args(argv)
    settings = load_settings(WorkerSettings, plain_words(arguments.overrides))
    from infer.serve_masks.worker import serve_masks

    serve_masks(settings)
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main, resumes=False))
