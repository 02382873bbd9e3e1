"""The server's settings, and the process that serves."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from grounding.errors import UserError
from grounding.recipe.schema import setting
from infer.engines.settings import DEVICES, DTYPES, SCORES, EngineSettings, check_counts
from infer.serve.address import bind, is_loopback

KEY_VARIABLE = "SERVE_API_KEY"


@dataclass(frozen=True, kw_only=True)
class ServeSettings:
    """Where the server listens, and how it answers; the defaults of the engine's keys are the engine's."""

    host: str = setting(f"address; other than loopback needs {KEY_VARIABLE} in the environment", "127.0.0.1")
    port: int = setting("TCP port", 8008)
    model: str | None = setting("name that clients ask for (null: the checkpoint folder's)", None)
    batch_size: int = setting("requests answered together", EngineSettings.batch_size)
    queue_size: int = setting("requests that may wait; more are refused with 503", 256)
    max_megabytes: int = setting("largest request", 32)
    max_new_tokens: int = setting("longest answer, in tokens", EngineSettings.max_new_tokens)
    device: str = setting(" | ".join(DEVICES), EngineSettings.device)
    dtype: str = setting(" | ".join(DTYPES) + " (auto: float32 on a CPU)", EngineSettings.dtype)
    base_checkpoint: str | None = setting(
        "model under a LoRA adapter (null: the one it names)", EngineSettings.base_checkpoint
    )

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a choice that does not exist, or a number below 1.
        """
        check_counts(self, ("port", "queue_size", "max_megabytes"))
        self.engine_settings(Path())

    def engine_settings(self, checkpoint: Path) -> EngineSettings:
        """Return the settings of the engine that loads a checkpoint.

        Raises:
            ValueError: a choice that does not exist, or a number below 1.
        """
        return EngineSettings(
            checkpoint=str(checkpoint),
            base_checkpoint=self.base_checkpoint,
            batch_size=self.batch_size,
            max_new_tokens=self.max_new_tokens,
            device=self.device,
            dtype=self.dtype,
            score=SCORES[1],  # any score makes the engine return the tokens, which clients may ask for
        )


def serve(folder: Path, settings: ServeSettings) -> None:
    """Serve until interrupted.

    Raises:
        UserError: no such checkpoint, a port that is taken, or no key for an open address.
    """
    api_key = os.environ.get(KEY_VARIABLE) or None
    if api_key is None and not is_loopback(settings.host):
        raise UserError(
            f"host={settings.host}: other machines can reach that address: set {KEY_VARIABLE} in the "
            "environment to the key that clients have to send"
        )
    from infer.engines.opening import open_engine

    engine_settings = settings.engine_settings(folder)
    engine_settings.resolve_checkpoint()
    # Loading the model can take minutes: the checks of its folder and of the port come first.
    with bind(settings.host, settings.port) as listener:
        import uvicorn

        from infer.serve.batching import Batcher
        from infer.serve.chat import make_server

        logging.basicConfig(level=logging.INFO, format="%(message)s")
        name = settings.model or folder.resolve().name
        batcher = Batcher(open_engine(engine_settings), settings.batch_size, settings.queue_size)
        app = make_server(batcher, name, api_key, settings.max_megabytes)
        logging.getLogger(__name__).info(
            "serving %s as model '%s': http://%s:%d/v1", folder, name, settings.host, settings.port
        )
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        server.run(sockets=[listener])
        batcher.close()
