"""`python -m visualize.app CHECKPOINT [key=value ...]`: ask a trained model about pictures in a browser.

Opens on this machine alone. With host= it is open to the network, and asks visitors for a password.
"""

import dataclasses
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from grounding.errors import UserError
from grounding.recipe import load_settings, setting, suggestion
from infer.recipe import InferRecipe
from infer.serve.server import is_loopback

PASSWORD_VARIABLE = "APP_PASSWORD"
SHORTEST_PASSWORD = 8

RUN_KEYS = (
    *("checkpoint", "dataset", "output_dir", "split", "limit", "batch_size", "shard", "overwrite"),
    *("per_category", "zoom", "verify", "agree"),
)
"""Keys of an infer recipe that say what is asked about which images; here, the visitors do."""


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
