"""The progress of uploads, which browsers follow under a name that they made up.

Gradio remembers every name: of an upload that nobody follows, and of one that somebody follows in vain.
"""

import asyncio

FOLLOWED_SECONDS = 30.0
"""How long a browser can still learn that its upload is complete; it asks while it uploads."""


def forget_later(name: str) -> None:
    """Forget an upload that has ended, FOLLOWED_SECONDS from now."""
    asyncio.get_running_loop().call_later(FOLLOWED_SECONDS, _forget, name)


def forget_follower(name: str) -> None:
    """Forget that somebody followed an upload, unless there is one of this name."""
    from gradio.routes import file_upload_statuses

    if name not in file_upload_statuses._statuses:
        file_upload_statuses._signals.pop(name, None)


def _forget(name: str) -> None:
    from gradio.routes import file_upload_statuses

    file_upload_statuses.stop_tracking(name)
    forget_follower(name)
