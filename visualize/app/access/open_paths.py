"""The paths of the app that are answered at all; Gradio has more than the page and its clients need.

Some of the others fetch addresses, or show the app's insides. A path that is not listed is not found.
"""

import re

UPLOAD_PATH, FILE_PATH = "/gradio_api/upload", "/gradio_api/file="
"""Where uploads go, and the start of the address of each file."""

PROGRESS_PATH = "/gradio_api/upload_progress"
"""Where a browser follows its upload."""

FREE = re.compile(
    r"/|/login/?|/logout|/config/?|/(assets|static|svelte)/.*|(/gradio_api)?/theme\.css|/favicon\.ico|/robots\.txt"
    r"|/manifest\.json|/pwa_icon(/\d+)?|/gradio_api/(startup-events|app_id/?|login_check/?|user/?)"
)
"""What the login page needs. Gradio itself asks for the password where /config and login_check need it."""

PROTECTED = {
    "GET": re.compile(
        r"/gradio_api/(info/?|openapi\.json|heartbeat/[^/]{1,128}|queue/(data|status)|upload_progress|file=.+"
        r"|call/(v2/)?[^/]+/[^/]{1,128})"
    ),
    "POST": re.compile(r"/gradio_api/(upload|queue/join|(run|api|call|call/v2)/[^/]+/?|cancel|reset/?)"),
}
"""What only visitors who gave the password may ask, if there is one."""


def is_free(method: str, path: str) -> bool:
    """Tell whether a path is answered without the password."""
    return method in (("POST",) if path.startswith("/login") else ("GET", "HEAD")) and bool(
        FREE.fullmatch(path)
    )


def is_protected(method: str, path: str) -> bool:
    """Tell whether a path is answered with the password."""
    pattern = PROTECTED.get("GET" if method == "HEAD" else method)
    return pattern is not None and bool(pattern.fullmatch(path))
