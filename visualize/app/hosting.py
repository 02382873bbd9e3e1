"""Serving the app's page: it loads nothing from other machines, and sends nothing to them."""

import hmac
import logging
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from infer.engines.segment.opening_segmenters import open_segmenter
from infer.engines.segment.segmenter_settings import SegmenterSettings
from infer.serve.source_check import SourceCheck
from visualize.app.access.exposure import describe_exposure
from visualize.app.asker import Asker
from visualize.app.page_settings import AppSettings
from visualize.app.uploads.checked_picture import MEGA
from visualize.app.uploads.stored_files import FORM_BYTES, StorageLimits, StoredFiles

log = logging.getLogger(__name__)

FONTS = ("system-ui", '"page 0"', '"page 1"', "sans-serif")
"""The visitor's fonts, then those of `visualize.page.web_fonts`; Gradio's theme would fetch others."""

MONOSPACE = ("ui-monospace", "Consolas", "monospace")

SESSIONS_KEPT = 1000
"""Sessions whose state Gradio keeps, the latest: about 30 KB each."""

UPLOADS_VARIABLE = "GRADIO_TEMP_DIR"
"""Gradio reads the folder of uploads from the environment: one page per process."""


def serve_page(asker: Asker, settings: AppSettings, name: str, password: str | None) -> None:
    """Serve the page until the process is interrupted or terminated.

    Raises:
        UserError: the address is taken, or does not belong to this machine.
    """
    with served(asker, settings, name, password) as url:
        for line in describe_exposure(settings, name):
            log.info("%s", line)
        stopped = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopped.set())
        log.info("%s (Ctrl-C stops it)", url)
        stopped.wait()


@contextmanager
def served(asker: Asker, settings: AppSettings, name: str, password: str | None) -> Iterator[str]:
    """Serve the page while the block runs, and yield its address; afterwards, uploads are deleted.

    Raises:
        UserError: as `serve_page`.
    """
    with tempfile.TemporaryDirectory(prefix="grounding_app_") as folder:
        uploads = Path(folder).resolve() / "uploads"
        uploads.mkdir(mode=0o700)
        files = StoredFiles(uploads, _storage_limits(settings))
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        with _environment_variable(UPLOADS_VARIABLE, str(uploads)):
            logging.getLogger("httpx").setLevel(logging.WARNING)  # Gradio polls its own address at the start
            from infer.serve.connections import bounded, make_room_for_files
            from visualize.app.access.gradio_server import bounded_server
            from visualize.app.examples import find_examples
            from visualize.app.interface.gradio_page import make_page
            from visualize.app.talk.talker import Talker

            found = find_examples(asker.wordings.dataset, Path(folder), settings.max_pictures)
            examples = [tuple(files.share(path) for path in shown) for shown in found]
            talker = Talker(asker, open_segmenter(SegmenterSettings(backend=settings.masks)))
            page = make_page(talker, settings, name, examples, files)
            page.queue(
                max_size=settings.waiting, api_open=False, default_concurrency_limit=settings.concurrent
            )
            options = _launch_options(settings, asker.wordings.categories, password, files)
            make_room_for_files(settings.max_connections, settings.waiting + settings.concurrent)
            try:
                with bounded_server(bounded(settings.idle_seconds, settings.max_connections)) as server:
                    _, url, _ = page.launch(**options)
                assert isinstance(page.server, server)
            except OSError as error:
                raise UserError(
                    f"host={settings.host} port={settings.port}: cannot listen there: {error}: "
                    "set another port="
                ) from error
            try:
                with files.swept():
                    yield url
            finally:
                page.close(verbose=False)


@contextmanager
def _environment_variable(name: str, value: str) -> Iterator[None]:
    """Set a variable of the environment while the block runs."""
    before, os.environ[name] = os.environ.get(name), value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _storage_limits(settings: AppSettings) -> StorageLimits:
    """Return the limits for uploads in bytes; none is less than one upload."""
    upload = round(settings.max_megabytes * MEGA)
    others = settings.receiving_megabytes, settings.visitor_megabytes, settings.stored_megabytes
    return StorageLimits(upload, *(max(round(megabytes * MEGA), upload + FORM_BYTES) for megabytes in others))


def _launch_options(
    settings: AppSettings, categories: tuple[str, ...], password: str | None, files: StoredFiles
) -> dict[str, Any]:
    """Return the arguments of Gradio's `launch`."""
    import gradio
    from starlette.middleware import Middleware

    from visualize.app.access.door import Door, DoorRules
    from visualize.app.access.security_headers import SecurityHeaders
    from visualize.app.interface.gradio_page import ASSETS
    from visualize.app.texts import translations
    from visualize.app.uploads.receiving import file_routes

    hosts = SourceCheck(is_local=password is None, allowed=settings.host_names)
    rules = DoorRules(hosts, files.folder, files.find, settings.body_seconds)
    return {
        "server_name": f"[{settings.host}]" if ":" in settings.host else settings.host,
        "server_port": settings.port,
        "share": False,
        "inbrowser": False,
        "quiet": True,
        "prevent_thread_lock": True,
        "auth": None if password is None else _check_against(password),
        "max_file_size": round(settings.max_megabytes * MEGA),
        "i18n": gradio.I18n(**translations()),
        "theme": gradio.themes.Default(
            primary_hue="blue", neutral_hue="slate", font=FONTS, font_mono=MONOSPACE
        ),
        "head": _head(categories),
        "css_paths": [ASSETS / "app.css"],
        "js": (ASSETS / "app.js").read_text(encoding="utf-8"),
        "footer_links": [],
        "ssr_mode": False,
        "enable_monitoring": False,
        "state_session_capacity": SESSIONS_KEPT,
        "app_kwargs": {
            "middleware": [Middleware(SecurityHeaders), Middleware(Door, rules=rules)],
            "routes": file_routes(files, settings.upload_seconds),
            "openapi_url": None,
        },
    }


def _head(categories: tuple[str, ...]) -> str:
    """Return the HTML of the page's head: fonts for the letters of the page and of the categories."""
    from visualize.app.answers.html_templates import render
    from visualize.app.texts import TEXTS
    from visualize.page.web_fonts import font_style

    texts = [text for texts in TEXTS.values() for text in texts]
    return render("head.html", style=font_style([*texts, *categories]))


def _check_against(password: str) -> Callable[[str, str], bool]:
    """Return a function that tells whether a visitor's password is right; any user name is accepted."""

    def is_right(name: str, given: str) -> bool:
        del name
        # A form may claim an encoding that has half a surrogate pair.
        words = (word.encode("utf-8", "surrogatepass") for word in (given, password))
        return hmac.compare_digest(*words)

    return is_right
