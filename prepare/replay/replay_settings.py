"""The settings of `python -m prepare.replay`."""

import re
from dataclasses import dataclass
from typing import Any

from grounding.recipe.schema import setting

FIXED_FIELDS = frozenset({"model", "messages", "n", "stream", "max_tokens", "temperature", "seed"})
"""Fields of a question that this command sets."""

OWN_SERVER_KEYS = frozenset({"host", "port", "model", "max_new_tokens", "allowed_hosts"})
"""Keys of `python -m infer.serve` that this command sets where it starts a server for a checkpoint."""


@dataclass(frozen=True, kw_only=True)
class ReplaySettings:
    """Who answers which prompts how, and where the answers are written."""

    base_url: str | None = setting(
        "a server in place of CHECKPOINT, such as http://localhost:8000/v1; its key is OPENAI_API_KEY", None
    )
    model: str | None = setting("base_url: the name that the server gives its model", None)
    output_dir: str = setting("folder that is written", "data/replay")
    system: str = setting("system message of prompts that bring none", "")
    limit: int | None = setting("answer so many prompts, chosen by the seed (null: all)", None)
    val_share: float = setting("share of the prompts in val.jsonl, by their images", 0.1)
    max_new_tokens: int = setting("longest answer, in tokens; answers that are cut are dropped", 512)
    temperature: float = setting("that tokens are sampled at (0: the most likely ones)", 0.0)
    seed: int = setting("of the choice and the order of prompts, and of sampled tokens", 0)
    serve: dict[str, Any] = setting(
        "CHECKPOINT: more keys for `python -m infer.serve`, such as serve.device=cpu", default_factory=dict
    )
    request: dict[str, Any] = setting(
        "base_url: more fields for every question to the server", default_factory=dict
    )
    max_requests: int | None = setting("requests over all starts, retries included (null: any)", None)
    max_tokens: int | None = setting("tokens of questions and answers over all starts (null: any)", None)
    concurrency: int = setting("prompts that are asked about at a time", 8)
    timeout: float = setting("seconds for one answer", 600.0)
    retries: int = setting("of a question without an answer", 2)
    most_failures: int = setting("questions without an answer that stop the run", 20)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a number out of its range, an address or a name that is missing, or a key that this
                command sets itself.
        """
        for key in ("limit", "max_new_tokens", "max_requests", "max_tokens", "concurrency", "most_failures"):
            value = getattr(self, key)
            if value is not None and value < 1:
                raise ValueError(f"{key}: {value} is less than 1")
        if self.retries < 0 or not 0 < self.timeout < float("inf"):
            raise ValueError("retries is 0 or more, and timeout a number of seconds above 0")
        if not 0 <= self.temperature <= 2 or not 0 <= self.val_share < 1:
            raise ValueError("temperature is 0 to 2, and val_share 0 or more and below 1")
        if not self.output_dir.strip():
            raise ValueError("output_dir: a name is needed")
        self._check_server()

    def _check_server(self) -> None:
        if self.base_url is None:
            if self.model is not None or self.request:
                raise ValueError("model and request are for base_url: set it, or leave them out")
            if self.temperature > 0:
                raise ValueError(
                    "temperature: a checkpoint is asked for its most likely answers: leave it out"
                )
        elif not re.match(r"https?://.", self.base_url):
            raise ValueError(f"base_url: '{self.base_url}' is not like http://localhost:8000/v1")
        elif not (self.model or "").strip():
            raise ValueError("model must be set: the name that the server of base_url gives its model")
        elif self.serve:
            raise ValueError("serve is for a CHECKPOINT, and base_url is asked: leave it out")
        for name, keys, fixed in (
            ("request", self.request, FIXED_FIELDS),
            ("serve", self.serve, OWN_SERVER_KEYS),
        ):
            if taken := sorted(keys.keys() & fixed):
                raise ValueError(f"{name}: '{taken[0]}' is set by this command: leave it out")
