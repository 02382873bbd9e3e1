"""`python -m train.tiny OUT [key=value ...]`: a random Qwen3-VL of about 1 million parameters, for a CPU."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from grounding.errors import run_command, start_logging
from grounding.recipe.loading import load_settings
from grounding.recipe.schema import describe_keys
from train.tiny.config_files import TinySettings
from train.tiny.model import write_tiny_model

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run `python -m train.tiny OUT [key=value ...]`."""
    parser = argparse.ArgumentParser(
        prog="python -m train.tiny",
        description=__doc__,
        epilog="keys:\n"
        + "\n".join(describe_keys(TinySettings))
        + "\n\nexample:\n  python -m train.tiny checkpoints/demo/base max_pixels=16384",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", metavar="OUT", type=Path, help="the model folder to write")
    parser.add_argument("overrides", metavar="key=value", nargs="*", help="keys that replace the defaults")
    arguments = parser.parse_args(argv)
    parameters = write_tiny_model(arguments.out, load_settings(TinySettings, arguments.overrides))
    log.info("%s: a random Qwen3-VL of %.2f M parameters", arguments.out, parameters / 1e6)
    return 0


if __name__ == "__main__":
    start_logging()
    sys.exit(run_command(main, resumes=False))
