"""`python -m infer.serve CHECKPOINT [key=value ...]`: OpenAI's chat completions, answered by PaddlePaddle."""

import ipaddress
import logging
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from grounding.errors import UserError
from grounding.recipe import setting
from infer.recipe import DEVICES, DTYPES

KEY_VARIABLE = "SERVE_API_KEY"


@dataclass(frozen=True)
class ServeSettings:
    """Where the server listens, and how it answers."""

    host: str = setting(f"address; other than loopback needs {KEY_VARIABLE} in the environment", "127.0.0.1")
    port: int = setting("TCP port", 8008)
    model: str | None = setting("name that clients ask for (null: the checkpoint folder's)", None)
    batch_size: int = setting("requests answered together", 8)
    queue_size: int = setting("requests that may wait; more are refused with 503", 256)
    max_megabytes: int = setting("largest request", 32)
    max_new_tokens: int = setting("longest answer, in tokens", 2048)
    device: str = setting(" | ".join(DEVICES), "auto")
    dtype: str = setting(" | ".join(DTYPES) + " (auto: float32 on a CPU)", "auto")
    base_checkpoint: str | None = setting("model under a LoRA adapter (null: the one it names)", None)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a choice that does not exist, or a number below 1.
        """
        for key, choices in {"device": DEVICES, "dtype": DTYPES}.items():
            if (value := getattr(self, key)) not in choices:
                raise ValueError(f"{key}: '{value}' is not one of {', '.join(choices)}")
        for key in ("port", "batch_size", "queue_size", "max_megabytes", "max_new_tokens"):
            if getattr(self, key) < 1:
                raise ValueError(f"{key}: {getattr(self, key)} is less than 1")


def serve(folder: Path, settings: ServeSettings) -> None:
    """Serve until interrupted.

    Raises:
        UserError: no such checkpoint, a port that is taken, or no key for an open address.
    """
    api_key = os.environ.get(KEY_VARIABLE) or None
    if api_key is None and not is_loopback(settings.host):
        raise UserError(
            f"host={settings.host}: others can reach that: set {KEY_VARIABLE} in the environment to the key "
            "that clients have to send"
        )
    from infer.engines.checkpoint import find_checkpoint

    base = None if settings.base_checkpoint is None else Path(settings.base_checkpoint)
    checkpoint = find_checkpoint(folder, base)
    with _bound(settings.host, settings.port) as listener:
        import uvicorn

        from infer.engines.paddle.engine import PaddleEngine
        from infer.serve.batching import Batcher
        from infer.serve.chat import make_server

        logging.basicConfig(level=logging.INFO, format="%(message)s")
        engine = PaddleEngine(
            checkpoint,
            device=settings.device,
            dtype=settings.dtype,
            max_new_tokens=settings.max_new_tokens,
            with_tokens=True,
            rows=settings.batch_size,
        )
        name = settings.model or folder.resolve().name
        batcher = Batcher(engine, settings.batch_size, settings.queue_size)
        app = make_server(batcher, name, api_key, settings.max_megabytes)
        logging.getLogger(__name__).info(
            "serving %s as model '%s': http://%s:%d/v1", folder, name, settings.host, settings.port
        )
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        server.run(sockets=[listener])
        batcher.close()


def _bound(host: str, port: int) -> socket.socket:
    """Return a socket on the address: taken before the model is loaded, which can take minutes."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise UserError(
            f"host={host} port={port}: cannot listen there: {error.strerror or error}: set another port"
        ) from error


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches a server at an address; of names, only localhost is known to."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
