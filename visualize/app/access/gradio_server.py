"""Gradio's web server with limits for connections, and without headers that admit strangers' pages.

Upstream: Gradio 6.31 passes no options on to uvicorn (gradio/http_server.py, `start_server`), which has no
limit for half-open connections. Its CustomCORSMiddleware lies outside of all middleware that `launch` takes.
What it does: while `launch` runs, the server's class is one that sets both right before it listens.
Remove it when `launch` takes options of uvicorn and can leave CORS out.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from infer.serve.connections import BoundedConnection


@contextmanager
def bounded_server(connection: type[BoundedConnection]) -> Iterator[type]:
    """Let Gradio start its server with connections of this class while the block runs; yield its class."""
    from gradio import http_server
    from gradio.route_utils import CustomCORSMiddleware

    class BoundedServer(http_server.Server):  # type: ignore[misc]
        """Gradio's server; uvicorn reads its configuration when it starts."""

        def __init__(self, config: Any, *arguments: Any, **options: Any) -> None:
            config.http, config.ws = connection, "none"
            middleware = config.app.user_middleware
            middleware[:] = [layer for layer in middleware if layer.cls is not CustomCORSMiddleware]
            super().__init__(config, *arguments, **options)

    before, http_server.Server = http_server.Server, BoundedServer
    try:
        yield BoundedServer
    finally:
        http_server.Server = before
