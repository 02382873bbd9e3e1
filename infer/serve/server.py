"""The process that serves."""

import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

from grounding.errors import start_logging
from infer.serve.access import KEY_VARIABLE, Access, audience_line, read_api_key
from infer.serve.address import bind, web_address
from infer.serve.serve_settings import ServeSettings


def serve(folder: Path, settings: ServeSettings) -> None:
    """Serve until interrupted.

    Raises:
        UserError: no such checkpoint, a port that is taken, no key for an open address, a key that can be
            guessed, or a limit that cannot be kept.
    """
    api_key = read_api_key(os.environ.get(KEY_VARIABLE), settings.host)
    access = Access(settings.host_names, api_key)
    engine_settings = settings.engine_settings(folder)
    engine_settings.resolve_checkpoint()
    # Loading the model can take minutes: the checks of its folder and of the port come first.
    with bind(settings.host, settings.port) as listener:
        import uvicorn
        from PIL import Image

        from infer.engines.paddle.engine import PaddleEngine
        from infer.serve.batching import Batcher
        from infer.serve.chat import make_server
        from infer.serve.connections import bounded, make_room_for_files
        from infer.serve.replies.live_reply import HeardEngine

        # max_megapixels decides, not half of what Pillow decodes.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        make_room_for_files(settings.max_connections, settings.queue_size + settings.batch_size)
        start_logging()
        name = settings.model or folder.resolve().name
        engine = PaddleEngine(engine_settings)
        limit = engine.limit_prompts(settings.max_prompt_tokens)
        batcher = Batcher(
            HeardEngine(engine),
            settings.batch_size,
            settings.queue_size,
            lambda heard: limit.check_text(heard.request),
        )
        for line in describe(folder, name, settings, access, limit.tokens):
            logging.getLogger(__name__).info("%s", line)
        config = uvicorn.Config(
            make_server(batcher, name, access, settings),
            log_level="warning",
            http=bounded(settings.idle_seconds, settings.max_connections),
            ws="none",
        )
        uvicorn.Server(config).run(sockets=[listener])
        batcher.close()


def describe(
    folder: Path, name: str, settings: ServeSettings, access: Access, prompt_tokens: int
) -> Iterator[str]:
    """Yield lines that say what is served, to whom, and within which limits."""
    yield f"serving {folder} as model '{name}': {web_address(settings.host, settings.port)}/v1"
    yield audience_line(settings.host, access)
    yield (
        f"limits: prompts of {prompt_tokens} tokens, images of {settings.max_megapixels} megapixels, "
        f"requests of {settings.max_megabytes} MB and {settings.max_images} images, "
        f"{settings.max_inflight_megabytes} MB in flight, {settings.max_connections} connections"
    )
