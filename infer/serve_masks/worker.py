"""The process that serves masks."""

import logging
import os
import warnings
from collections.abc import Iterator

from grounding.errors import start_logging
from infer.serve.access import KEY_VARIABLE, Access, audience_line, read_api_key
from infer.serve.address import bind, web_address
from infer.serve_masks.worker_settings import WorkerSettings


def serve_masks(settings: WorkerSettings) -> None:
    """Serve until interrupted.

    Raises:
        UserError: no such model folder or device, a port that is taken, no key for an open address, a key
            that can be guessed, or a limit that cannot be kept.
    """
    access = Access(settings.served_names, read_api_key(os.environ.get(KEY_VARIABLE), settings.host))
    with bind(settings.host, settings.port) as listener:
        import uvicorn
        from PIL import Image

        from infer.engines.segment.mask_request import answering_several
        from infer.engines.segment.opening_segmenters import open_segmenter
        from infer.serve.batching import Batcher
        from infer.serve.connections import bounded, make_room_for_files
        from infer.serve_masks.mask_server import MaskServer

        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # max_megapixels decides
        make_room_for_files(settings.max_connections, 0)
        start_logging()
        engine = answering_several(open_segmenter(settings.segmenter_settings()))
        batcher = Batcher(engine, settings.batch_size, settings.queue_size)
        for line in exposure_lines(settings, access):
            logging.getLogger(__name__).info("%s", line)
        config = uvicorn.Config(
            MaskServer(batcher, access, settings).application(),
            log_level="warning",
            http=bounded(settings.idle_seconds, settings.max_connections),
            ws="none",
        )
        uvicorn.Server(config).run(sockets=[listener])
        batcher.close()


def exposure_lines(settings: WorkerSettings, access: Access) -> Iterator[str]:
    """Yield lines that say what is served, to whom, and within which limits."""
    what = settings.backend if settings.checkpoint is None else f"{settings.backend} {settings.checkpoint}"
    yield f"masks by {what}: {web_address(settings.host, settings.port)}"
    yield audience_line(settings.host, access)
    yield (
        f"limits: pictures of {settings.max_megapixels} megapixels, {settings.max_clicks} clicks, "
        f"requests of {settings.max_megabytes} MB, {settings.max_inflight_megabytes} MB in flight, "
        f"{settings.max_connections} connections"
    )
