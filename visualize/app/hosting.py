"""Serving the app's page: nothing of it comes from, or goes to, another machine."""

import hmac
import logging
import os
import signal
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from visualize.app.asker import Asker
from visualize.app.page_settings import AppSettings

log = logging.getLogger(__name__)

MEGA = 1_000_000
FONTS = ("system-ui", '"page 0"', '"page 1"', "sans-serif")
"""Of the visitor's machine, then those of `visualize.page.web_fonts`: Gradio's own theme would fetch its."""

MONOSPACE = ("ui-monospace", "Consolas", "monospace")

UPLOADS_VARIABLE = "GRADIO_TEMP_DIR"
"""Gradio asks the environment where uploads go: one page a process."""

HEADERS = {
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "frame-ancestors 'self'; form-action 'self'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""With these the browser itself refuses to fetch anything from elsewhere."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]


def serve(asker: Asker, settings: AppSettings, name: str, password: str | None) -> None:
    """Serve the page until the process is interrupted or terminated.

    Raises:
        UserError: the address is taken, or is not one of this machine's.
    """
    with served(asker, settings, name, password) as url:
        stopped = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopped.set())
        log.info("%s (Ctrl-C stops it)", url)
        stopped.wait()


@contextmanager
def served(asker: Asker, settings: AppSettings, name: str, password: str | None) -> Iterator[str]:
    """Serve the page while the block runs; yields its address. Uploads are deleted at its end.

    Raises:
        UserError: as `serve`.
    """
    with tempfile.TemporaryDirectory(prefix="grounding_app_") as folder:
        uploads = Path(folder) / "uploads"
        uploads.mkdir()
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        before, os.environ[UPLOADS_VARIABLE] = os.environ.get(UPLOADS_VARIABLE), str(uploads)
        logging.getLogger("httpx").setLevel(logging.WARNING)  # Gradio asks itself whether it is up
        import gradio
        from starlette.middleware import Middleware

        from visualize.app.examples import find_examples
        from visualize.app.gradio_page import ASSETS, make_page
        from visualize.app.texts import TEXTS, translations
        from visualize.page.web_fonts import font_style

        page = make_page(
            asker,
            name,
            find_examples(asker.wordings.dataset, Path(folder)),
            uploads,
            max_megabytes=settings.max_megabytes,
            max_megapixels=settings.max_megapixels,
            concurrent=settings.concurrent,
        )
        page.queue(max_size=settings.waiting, api_open=False, default_concurrency_limit=settings.concurrent)
        texts = [text for texts in TEXTS.values() for text in texts]
        try:
            _, url, _ = page.launch(
                server_name=settings.host,
                server_port=settings.port,
                share=False,
                inbrowser=False,
                quiet=True,
                prevent_thread_lock=True,
                auth=None if password is None else _check_against(password),
                max_file_size=round(settings.max_megabytes * MEGA),
                i18n=gradio.I18n(**translations()),
                theme=gradio.themes.Default(
                    primary_hue="blue", neutral_hue="slate", font=FONTS, font_mono=MONOSPACE
                ),
                head=f"<style>{font_style([*texts, *asker.wordings.categories])}</style>",
                css_paths=[ASSETS / "app.css"],
                js=(ASSETS / "app.js").read_text(encoding="utf-8"),
                footer_links=[],
                ssr_mode=False,
                enable_monitoring=False,
                app_kwargs={"middleware": [Middleware(_WithHeaders)]},
            )
        except OSError as error:
            raise UserError(
                f"host={settings.host} port={settings.port}: cannot listen there: {error}: set another port="
            ) from error
        try:
            yield url
        finally:
            page.close(verbose=False)
            if before is None:
                del os.environ[UPLOADS_VARIABLE]
            else:
                os.environ[UPLOADS_VARIABLE] = before


class _WithHeaders:
    """Adds HEADERS to every answer of a web application (an ASGI middleware)."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_more(message: Scope) -> None:
            if message["type"] == "http.response.start":
                pairs = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message.get("headers", ()), *pairs]
            await send(message)

        await self.app(scope, receive, send_more)


def _check_against(password: str) -> Callable[[str, str], bool]:
    """Return what tells whether a visitor's password is right; any name will do."""

    def is_right(name: str, given: str) -> bool:
        del name
        return hmac.compare_digest(given.encode(), password.encode())

    return is_right
