"""`python -m visualize.app CHECKPOINT [key=value ...]`: ask a trained model about pictures in a browser.

The page is for this machine alone. With host= it is open to the network, and asks visitors for a password.
Behind a proxy on this machine, allowed_hosts= holds the name that visitors use.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import BoundedSemaphore

from grounding.errors import run_command, start_logging
from visualize.app.page_settings import describe_settings, read_settings
from visualize.app.password import find_password

EXAMPLES = """examples:
  python -m visualize.app checkpoints/demo/full device=cpu
  APP_PASSWORD=... python -m visualize.app checkpoints/qwen3_vl_8b_full host=0.0.0.0"""


def main(argv: Sequence[str] | None = None) -> None:
    """Load the model, and serve the page until it is interrupted."""
    checkpoint, overrides = _parse(argv)
    settings, engine_settings = read_settings(checkpoint, overrides)
    password = find_password(settings.host, settings.password_file) if settings.is_open_to_others else None
    start_logging()
    from infer.engines.opening import open_engine
    from infer.runs.calibrated_run import calibration_of_engine
    from visualize.app.model_wordings import choose_wordings, find_dataset

    given = None if settings.dataset is None else Path(settings.dataset)
    wordings = choose_wordings(find_dataset(checkpoint, given))
    calibration = calibration_of_engine(engine_settings, engine_settings.resolve_checkpoint())
    engine = open_engine(engine_settings)
    from visualize.app.asker import Asker
    from visualize.app.hosting import serve_page

    asker = Asker(engine, engine_settings, wordings, BoundedSemaphore(settings.concurrent), calibration)
    serve_page(asker, settings, engine_settings.checkpoint or str(engine_settings.model), password)


def _parse(argv: Sequence[str] | None) -> tuple[Path | None, list[str]]:
    """Return the checkpoint, None where a server answers, and the settings as `key=value` words."""
    keys = "\n".join(describe_settings())
    parser = argparse.ArgumentParser(
        prog="python -m visualize.app",
        description=__doc__,
        epilog=f"keys:\n{keys}\n\n{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "words", metavar="CHECKPOINT", nargs="?", help="model folder, LoRA run's folder, or a hub's model"
    )
    parser.add_argument("overrides", metavar="key=value", nargs="*", help="settings")
    arguments = parser.parse_args(argv)
    words = [word for word in (arguments.words, *arguments.overrides) if word is not None]
    if words and "=" not in words[0]:
        return Path(words[0]), words[1:]
    return None, words


if __name__ == "__main__":
    sys.exit(run_command(main, resumes=False))
