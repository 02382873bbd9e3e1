"""The check of every request before Gradio sees it (an ASGI middleware)."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from pydantic_core import from_json
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from infer.serve.source_check import SourceCheck
from visualize.app.access.calls import find_bad_call, find_bad_stream, forget_sessions
from visualize.app.access.login_delay import LoginDelay
from visualize.app.access.network_address import visitor_of
from visualize.app.access.open_paths import PROGRESS_PATH, UPLOAD_PATH, is_free, is_protected
from visualize.app.access.security_headers import Receive, Scope, Send
from visualize.app.access.upload_progress import forget_follower

LARGEST_BODY = 1_000_000
"""Bytes of a request that is no upload: a question has 500 characters, and a picture is uploaded first."""

PATIENCE = 4
"""Seconds that a login is held back rather than refused: the login page does not show a refusal."""


@dataclass(frozen=True)
class DoorRules:
    """What the door checks.

    `folder` holds the uploads. A request that names a file elsewhere is refused, whether there is one or not.
    `claim` is told which session named which file. A request that is no upload arrives in `body_seconds`.
    """

    hosts: SourceCheck
    folder: Path
    claim: Callable[[str | None, object], object]
    body_seconds: float
    delay: LoginDelay = field(default_factory=LoginDelay)


class Door:
    """Answers what is refused, and hands everything else to the application."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], rules: DoorRules) -> None:
        self.app, self.rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request; called by the web server."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        else:
            request = Request(scope, receive)
            refused = await self._refusal(request)
            if refused is None and request.method == "POST" and request.scope["path"] != UPLOAD_PATH:
                await self._take_body(request, send)
            else:
                await (refused or self.app)(scope, receive, send)
                if request.scope["path"] == PROGRESS_PATH:
                    forget_follower(request.query_params.get("upload_id", ""))

    async def _refusal(self, request: Request) -> Response | None:
        """Return the answer to a request that is refused by its head."""
        method, path = request.method, request.scope["path"]
        if reason := self.rules.hosts.refusal(request.headers):
            return PlainTextResponse(reason, 403)
        if is_free(method, path):
            if method == "POST" and (seconds := await self._seconds_to_wait(visitor_of(request.scope))):
                sentence = f"Too many attempts. Try again in {seconds} s."
                return PlainTextResponse(sentence, 429, {"Retry-After": str(seconds)})
            return None
        if not _has_password(request):
            return PlainTextResponse("Log in first.", 401)
        if not is_protected(method, path):
            return PlainTextResponse("Not found.", 404)
        bad = find_bad_stream(path, request.query_params, _page(request)) if method == "GET" else None
        return None if bad is None else PlainTextResponse(bad.sentence, bad.status)

    async def _seconds_to_wait(self, visitor: str) -> int:
        """Return 0 once a visitor may try to log in, or the seconds that are left if they are many."""
        seconds = self.rules.delay.start(visitor)
        if not 0 < seconds <= PATIENCE:
            return seconds
        await anyio.sleep(seconds)
        return self.rules.delay.start(visitor)

    async def _take_body(self, request: Request, send: Send) -> None:
        """Read the body of a request, check it, and hand the request on."""
        is_login = request.scope["path"].startswith("/login")
        try:
            with anyio.fail_after(self.rules.body_seconds):
                body = await _read_body(request)
        except ClientDisconnect:
            return
        except TimeoutError:
            sentence = f"The body took more than {self.rules.body_seconds:g} s (body_seconds)."
            refused: Response | None = PlainTextResponse(sentence, 408)
        except _TooLargeError:
            sentence = f"A request may have {LARGEST_BODY} bytes. Upload the picture first."
            refused = PlainTextResponse(sentence, 413, {"Connection": "close"})
        else:
            refused = None if is_login else self._refused_body(request, body)
        if refused is not None:
            await refused(request.scope, request.receive, send)
            return
        if is_login:
            send = self._forgiving(visitor_of(request.scope), send)
        await self.app(request.scope, _replayed(body, request.receive), send)

    def _refused_body(self, request: Request, body: bytes) -> Response | None:
        """Return the answer to a body that is not JSON or names other files; claim those that it names."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            return PlainTextResponse("The body has to be application/json.", 415)
        try:
            content = from_json(body)  # it refuses half a surrogate pair in a text, too
        except ValueError:
            return PlainTextResponse("The body is not JSON.", 400)
        session = content.get("session_hash") if isinstance(content, dict) else None
        for named in named_files(content):
            if not _lies_in(self.rules.folder, named):
                return PlainTextResponse("A request may only name files that were uploaded to this app.", 403)
            self.rules.claim(session if isinstance(session, str) else None, named)
        page = _page(request)
        forget_sessions(page)
        bad = find_bad_call(request.scope["path"], content, page)
        return None if bad is None else PlainTextResponse(bad.sentence, bad.status)

    def _forgiving(self, visitor: str, send: Send) -> Send:
        """Return a `send` that forgets the attempts of a visitor whose login succeeds."""

        async def send_on(message: Scope) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                self.rules.delay.succeed(visitor)
            await send(message)

        return send_on


def named_files(content: Any) -> Iterator[Any]:
    """Yield the value of every key `path` in JSON: Gradio opens, copies or downloads what stands there."""
    waiting = [content]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if item.get("path") is not None:
                yield item["path"]
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


def _lies_in(folder: Path, named: object) -> bool:
    """Tell by its letters whether a path lies in a folder; the file system is not asked."""
    if not isinstance(named, str) or "\0" in named or "\\" in named:
        return False
    return named.startswith(f"{folder}/") and not {"..", ".", ""} & set(
        named.removeprefix(f"{folder}/").split("/")
    )


def _page(request: Request) -> Any:
    """Return the page, a `gradio.Blocks`."""
    return request.scope["app"].get_blocks()


def _has_password(request: Request) -> bool:
    """Tell whether a request has the cookie of a login, or needs none (as Gradio's `get_current_user`)."""
    app = request.scope["app"]
    if app.auth is None:
        return True
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    return any(request.cookies.get(name) in app.tokens for name in names)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives a body that was read, and then what `receive` has."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Scope:
        return waiting.pop() if waiting else await receive()

    return receive_again


class _TooLargeError(Exception):
    """A body of more than LARGEST_BODY bytes."""


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise _TooLargeError
    return bytes(body)
