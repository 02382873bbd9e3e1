"""`python -m visualize.app CHECKPOINT [key=value ...]`: ask a trained model about pictures in a browser.

Opens on this machine alone. With host= it is open to the network, and asks visitors for a password.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import BoundedSemaphore

from grounding.errors import run_command
from grounding.recipe import describe_keys
from infer.engines.protocol import Engine
from infer.recipe import InferRecipe
from visualize.app.settings import RUN_KEYS, AppSettings, find_password, read_settings

EXAMPLES = """examples:
  python -m visualize.app checkpoints/demo/full device=cpu
  APP_PASSWORD=... python -m visualize.app checkpoints/qwen3_vl_8b_full host=0.0.0.0"""


def main(argv: Sequence[str] | None = None) -> None:
    """Load the model, and serve the page until it is interrupted."""
    checkpoint, overrides = _parse(argv)
    settings, recipe = read_settings(checkpoint, overrides)
    password = find_password(settings) if settings.is_open_to_others else None
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    from visualize.app.model_wordings import choose_wordings, find_dataset

    given = None if settings.dataset is None else Path(settings.dataset)
    wordings = choose_wordings(find_dataset(checkpoint, given))
    engine = load_model(recipe)
    from visualize.app.asker import Asker
    from visualize.app.hosting import serve_page

    asker = Asker(engine, recipe, wordings, BoundedSemaphore(settings.concurrent))
    serve_page(asker, settings, recipe.checkpoint or str(recipe.model), password)


def load_model(recipe: InferRecipe) -> Engine:
    """Load the engine that a recipe names."""
    from infer.__main__ import load_engine
    from infer.runs.predict import checkpoint_of

    return load_engine(recipe, checkpoint_of(recipe))


def _parse(argv: Sequence[str] | None) -> tuple[Path | None, list[str]]:
    engine = [line for line in describe_keys(InferRecipe) if _key(line) not in RUN_KEYS]
    keys = "\n".join([*describe_keys(AppSettings), *engine])
    parser = argparse.ArgumentParser(
        prog="python -m visualize.app",
        description=__doc__,
        epilog=f"keys:\n{keys}\n\n{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("words", metavar="CHECKPOINT", nargs="?", help="model folder, or a LoRA run's")
    parser.add_argument("overrides", metavar="key=value", nargs="*", help="settings")
    arguments = parser.parse_args(argv)
    words = [word for word in (arguments.words, *arguments.overrides) if word is not None]
    if words and "=" not in words[0]:
        return Path(words[0]), words[1:]
    return None, words


def _key(line: str) -> str:
    return line.split()[0].partition("=")[0]


if __name__ == "__main__":
    sys.exit(run_command(main))
