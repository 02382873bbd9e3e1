"""The settings of the app's page, told apart from those of the engine behind it."""

import dataclasses
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from grounding.errors import UserError
from grounding.recipe.loading import load_settings
from grounding.recipe.schema import describe_keys, setting, suggestion
from infer.engines.segment.segmenter_settings import ADDRESS
from infer.engines.settings import EngineSettings
from infer.serve.address import is_loopback, plain_words
from visualize.app.password import PASSWORD_VARIABLE

NOT_OFFERED = ("checkpoint", "batch_size", "tensor_parallel")
"""Keys of the engine that are no keys here: the checkpoint has no key, and one process asks one question."""

MOST_PICTURES = 8
"""Largest number of pictures in one question of a visitor."""


@dataclass(frozen=True, kw_only=True)
class AppSettings:
    """Where the page is served, and what it accepts."""

    host: str = setting("address to listen at; any but this machine's own needs a password", "127.0.0.1")
    port: int = setting("port to listen at", 7860)
    password_file: str | None = setting(f"file with the password (else {PASSWORD_VARIABLE}, or asked)", None)
    dataset: str | None = setting(
        "prepared data set with the trained questions (null: the checkpoint's)", None
    )
    max_megabytes: float = setting("largest upload", 20.0)
    max_megapixels: float = setting("largest picture, in million pixels", 50.0)
    max_pictures: int = setting(
        f"pictures in one question, 1 to {MOST_PICTURES}; together they have max_megapixels at most", 4
    )
    receiving_megabytes: float = setting("uploads that are being received at the same time", 100.0)
    visitor_megabytes: float = setting("stored uploads of one visitor, told by the network address", 200.0)
    stored_megabytes: float = setting("stored uploads of all visitors", 1000.0)
    masks: str = setting(
        "what makes masks of clicks: grabcut, or http://... of a worker (python -m infer.serve_masks)",
        "grabcut",
    )
    talks: str | None = setting(
        "folder in which visitors may save conversations for training (null: they may not)", None
    )
    most_talks: int = setting("saved conversations in that folder", 1000)
    allowed_hosts: list[str] = setting(
        "more names that visitors may reach it by, such as a proxy's", default_factory=list
    )
    max_connections: int = setting("open connections; the oldest idle one makes room", 512)
    idle_seconds: float = setting("for the head of a request, and to read on in its response", 15.0)
    body_seconds: float = setting("for a request that is no upload", 30.0)
    upload_seconds: float = setting("for an upload", 300.0)
    concurrent: int = setting("requests that the model answers at the same time", 1)
    waiting: int = setting("requests that may wait", 50)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a number out of range.
        """
        numbers = ("max_megabytes", "max_megapixels", "receiving_megabytes", "visitor_megabytes")
        times = ("idle_seconds", "body_seconds", "upload_seconds")
        for key in (
            *numbers,
            "stored_megabytes",
            "max_connections",
            "most_talks",
            *times,
            "concurrent",
            "waiting",
        ):
            if not 0 < (value := getattr(self, key)) < math.inf:
                raise ValueError(f"{key}: {value} is not a number above 0")
        if not 1 <= self.max_pictures <= MOST_PICTURES:
            raise ValueError(f"max_pictures: {self.max_pictures} is not 1 to {MOST_PICTURES}")
        if self.masks != "grabcut" and not ADDRESS.match(self.masks):
            raise ValueError(
                f"masks: '{self.masks}' is neither grabcut nor an address like http://127.0.0.1:8009"
            )
        if not 0 < self.port < 1 << 16:
            raise ValueError(f"port: {self.port} is not 1 to 65535")

    @property
    def host_names(self) -> frozenset[str]:
        """The names in `allowed_hosts`, in lower case."""
        return frozenset(name.lower() for name in self.allowed_hosts)

    @property
    def is_open_to_others(self) -> bool:
        """Whether other machines can reach the page."""
        return not is_loopback(self.host)


def read_settings(checkpoint: Path | None, overrides: Sequence[str]) -> tuple[AppSettings, EngineSettings]:
    """Return the settings of the page and those of the engine, told apart by their keys.

    Raises:
        UserError: a key of neither, or a value that does not fit.
    """
    page = [field.name for field in dataclasses.fields(AppSettings)]
    engine = [field.name for field in dataclasses.fields(EngineSettings) if field.name not in NOT_OFFERED]
    overrides = plain_words(overrides)
    keys = [word.partition("=")[0].partition(".")[0] for word in overrides]
    if unknown := [key for key in keys if key not in page + engine]:
        hints = (f"unknown key '{key}'{suggestion(key, page + engine)}" for key in unknown)
        raise UserError("; ".join(hints))
    words = list(zip(keys, overrides, strict=True))
    own = [word for key, word in words if key in page]
    folder = [] if checkpoint is None else [f"checkpoint={json.dumps(str(checkpoint), ensure_ascii=False)}"]
    rest = [word for key, word in words if key in engine]
    return load_settings(AppSettings, own), load_settings(EngineSettings, [*folder, *rest])


def describe_settings() -> Iterator[str]:
    """Yield a line of help for each key of the page and of the engine."""
    yield from describe_keys(AppSettings)
    for line in describe_keys(EngineSettings):
        if line.split()[0].partition("=")[0] not in NOT_OFFERED:
            yield line
