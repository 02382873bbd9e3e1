"""`python -m visualize.app CHECKPOINT [key=value ...]`: ask a trained model about pictures in a browser.

Opens on this machine alone. With host= it is open to the network, and asks visitors for a password.
"""

import argparse
import dataclasses
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import BoundedSemaphore

from grounding.errors import UserError, run_command
from grounding.recipe import describe_keys, load_settings, setting, suggestion
from infer.engine import Engine
from infer.recipe import InferRecipe
from infer.serve import is_loopback

PASSWORD_VARIABLE = "APP_PASSWORD"
SHORTEST_PASSWORD = 8

RUN_KEYS = (
    *("checkpoint", "dataset", "output_dir", "split", "limit", "batch_size", "shard", "overwrite"),
    *("per_category", "zoom", "verify", "agree"),
)
"""Keys of an infer recipe that say what is asked about which images; here, the visitors do."""

EXAMPLES = """examples:
  python -m visualize.app checkpoints/demo/full device=cpu
  APP_PASSWORD=... python -m visualize.app checkpoints/qwen3_vl_8b_full host=0.0.0.0"""


@dataclass(frozen=True)
class AppSettings:
    """Where the page is served, and what it takes."""

    host: str = setting("address to listen at; any but this machine's own needs a password", "127.0.0.1")
    port: int = setting("port to listen at", 7860)
    password_file: str | None = setting(f"file with the password (else {PASSWORD_VARIABLE}, or asked)", None)
    dataset: str | None = setting("prepared data set with the trained questions (null: the trained)", None)
    max_megabytes: float = setting("largest upload", 20.0)
    max_megapixels: float = setting("largest picture, in million pixels", 50.0)
    concurrent: int = setting("requests that the model answers at once", 1)
    waiting: int = setting("requests that wait at most", 50)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a number out of range.
        """
        for key in ("max_megabytes", "max_megapixels", "concurrent", "waiting"):
            if (value := getattr(self, key)) <= 0:
                raise ValueError(f"{key}: {value} is not more than 0")
        if not 0 < self.port < 1 << 16:
            raise ValueError(f"port: {self.port} is not 1 to 65535")

    @property
    def is_open_to_others(self) -> bool:
        """Whether other machines reach the page."""
        return not is_loopback(self.host)


def main(argv: Sequence[str] | None = None) -> None:
    """Load the model, and serve the page until it is interrupted."""
    checkpoint, overrides = _parse(argv)
    settings, recipe = read_settings(checkpoint, overrides)
    password = find_password(settings) if settings.is_open_to_others else None
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    from visualize.app_wordings import choose_wordings, find_dataset

    given = None if settings.dataset is None else Path(settings.dataset)
    wordings = choose_wordings(find_dataset(checkpoint, given))
    engine = load_model(recipe)
    from visualize.app_asking import Asker
    from visualize.app_serve import serve

    asker = Asker(engine, recipe, wordings, BoundedSemaphore(settings.concurrent))
    serve(asker, settings, recipe.checkpoint or str(recipe.model), password)


def load_model(recipe: InferRecipe) -> Engine:
    """Load the engine that a recipe names."""
    from infer.__main__ import load_engine
    from infer.predict import checkpoint_of

    return load_engine(recipe, checkpoint_of(recipe))


def read_settings(checkpoint: Path | None, overrides: Sequence[str]) -> tuple[AppSettings, InferRecipe]:
    """Return the settings of the page and those of the engine, told apart by their keys.

    Raises:
        UserError: a key of neither, or a value that does not fit.
    """
    own = [field.name for field in dataclasses.fields(AppSettings)]
    engine = [field.name for field in dataclasses.fields(InferRecipe) if field.name not in RUN_KEYS]
    keys = [word.partition("=")[0].partition(".")[0] for word in overrides]
    if unknown := [key for key in keys if key not in own + engine]:
        hints = (f"unknown key '{key}'{suggestion(key, own + engine)}" for key in unknown)
        raise UserError("; ".join(hints))
    words = list(zip(keys, overrides, strict=True))
    settings = load_settings(AppSettings, [word for key, word in words if key in own])
    needed = ["dataset=set_below", "output_dir=none", *(["checkpoint=set_below"] if checkpoint else [])]
    recipe = load_settings(InferRecipe, [*needed, *(word for key, word in words if key in engine)])
    recipe = replace(recipe, dataset=settings.dataset or "")
    return settings, replace(recipe, checkpoint=str(checkpoint)) if checkpoint else recipe


def find_password(settings: AppSettings) -> str:
    """Return the password of the file, the environment, or the keyboard.

    It is no key=value: every user of a machine sees the words of its command lines.

    Raises:
        UserError: there is none, or one that is too short.
    """
    why = f"host={settings.host} opens the page to other machines"
    if settings.password_file is not None:
        try:
            password = Path(settings.password_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"password_file: {settings.password_file}: cannot be read: {error}") from error
    elif PASSWORD_VARIABLE in os.environ:
        password = os.environ[PASSWORD_VARIABLE]
    elif sys.stdin.isatty():
        import getpass

        password = getpass.getpass(f"{why}; password for its visitors: ")
    else:
        raise UserError(
            f"{why}, which needs a password: set {PASSWORD_VARIABLE} in the environment, or password_file="
        )
    if len(password) < SHORTEST_PASSWORD:
        raise UserError(f"{why}: its password needs {SHORTEST_PASSWORD} characters or more")
    return password


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
