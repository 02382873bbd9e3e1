"""An HTTP client for servers that are not trusted: bounded in time and size, and never sent elsewhere."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Protocol

import anyio
import httpx2
from openai import DefaultAsyncHttpxClient

MOST_REDIRECTS = 5
"""Redirects that are followed, all on the same server; a chain of honest ones has one or two."""

MOST_ERROR_BYTES = 1024**2
"""Bytes that are read of an error's body: only the start of its message is shown."""

_KEPT_HEADERS = {b"retry-after", b"retry-after-ms", b"x-should-retry"}
"""The headers of an answer that decide about a retry. Others could name a decoder for the body."""


class RefusedAnswerError(Exception):
    """The server does something that no retry mends; the message says what, and what the user can do."""


class AttemptWatch(Protocol):
    """Is told of every attempt to send a question, retries and redirects included."""

    def begin(self) -> None:
        """Allow an attempt, or raise what ends the question without a further one."""
        ...

    def refused(self) -> None:
        """The server has answered with an HTTP error or a redirect. Without this, the outcome is unknown."""
        ...


WATCH: ContextVar[AttemptWatch | None] = ContextVar("WATCH", default=None)
"""Who is told of the attempts of the question that the current task sends."""


HEAR: ContextVar[Callable[[bytes | None], None] | None] = ContextVar("HEAR", default=None)
"""Who hears the body of the answer to the question that the current task sends, as it arrives.

None says that a body begins: the question may be sent again. Errors are not heard.
"""


class BoundedClient(DefaultAsyncHttpxClient):
    """Sends a request and reads its answer whole, within limits.

    `seconds` bound a request from the connection to the last byte of the body: the timeouts of HTTP
    libraries are for each read, and one byte at a time never ends. `most_bytes` bound the body; it must not
    be compressed, as a few bytes can stand for gigabytes. A redirect is followed on the same server only,
    as the request carries the key and an image.
    """

    def __init__(
        self,
        seconds: float,
        most_bytes: int,
        address_key: str = "base_url",
        if_too_long: str = "raise max_new_tokens, or ask for less in request",
    ) -> None:
        """Create the client; nothing is sent yet. The texts are parts of messages to users."""
        super().__init__(follow_redirects=False, headers={"Accept-Encoding": "identity"})
        self.seconds, self.most_bytes = seconds, most_bytes
        self.address_key, self.if_too_long = address_key, if_too_long

    async def send(self, request: httpx2.Request, *, stream: bool = False, **options: Any) -> httpx2.Response:
        """Send a request, and return the answer with its body and without the headers that nobody needs.

        Raises:
            httpx2.ReadTimeout: no complete answer in time.
            httpx2.RequestError: no connection, or the server does not speak HTTP.
            RefusedAnswerError: an answer above the limit, a compressed one, or a redirect to another server.
        """
        del stream  # the body is always read
        watch = WATCH.get()
        try:
            with anyio.fail_after(self.seconds):
                for _ in range(MOST_REDIRECTS + 1):
                    if watch is not None:
                        watch.begin()
                    response = await super().send(request, stream=True, **options)
                    if watch is not None and not response.is_success:
                        watch.refused()
                    if response.next_request is None:
                        return await self._read(response)
                    await response.aclose()
                    check_redirect(request.url, response.next_request.url, self.address_key)
                    request = response.next_request
        except TimeoutError as error:
            raise httpx2.ReadTimeout("no complete answer in time", request=request) from error
        except UnicodeError as error:  # of a host's name that DNS cannot have
            raise httpx2.ConnectError(str(error), request=request) from error
        raise RefusedAnswerError(f"redirects more than {MOST_REDIRECTS} times: check {self.address_key}")

    async def _read(self, response: httpx2.Response) -> httpx2.Response:
        """Return a response whose body is in memory; that of an error is cut."""
        body = bytearray()
        most = self.most_bytes if response.is_success else MOST_ERROR_BYTES
        hear = HEAR.get() if response.is_success else None
        try:
            coding = response.headers.get("content-encoding", "identity").lower()
            if coding == "identity":
                if hear is not None:
                    hear(None)
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > most:
                        break
                    if hear is not None:
                        hear(chunk)
            elif response.is_success:
                raise RefusedAnswerError(
                    f"sends a compressed answer ({coding}), which was not asked for: turn compression off"
                )
        finally:
            await response.aclose()
        if response.is_success and len(body) > most:
            raise RefusedAnswerError(f"sends an answer of more than {most} bytes: {self.if_too_long}")
        headers = [(name, value) for name, value in response.headers.raw if name.lower() in _KEPT_HEADERS]
        return httpx2.Response(
            response.status_code, headers=headers, content=bytes(body[:most]), request=response.request
        )


def check_redirect(asked: httpx2.URL, target: httpx2.URL, address_key: str = "base_url") -> None:
    """Let a redirect pass that stays on the server, or goes from http to https on the same host.

    Raises:
        RefusedAnswerError: it leads to another host or port, or from https to http.
    """
    is_same = (asked.scheme, asked.host, _port(asked)) == (target.scheme, target.host, _port(target))
    is_upgrade = asked.host == target.host and (asked.scheme, target.scheme) == ("http", "https")
    if not is_same and not (is_upgrade and _port(asked) == 80 and _port(target) == 443):
        raise RefusedAnswerError(
            f"redirects to {target.scheme}://{target.netloc.decode('ascii', 'replace')}, which gets neither "
            f"key nor image: set {address_key} to it if you trust it"
        )


def _port(url: httpx2.URL) -> int | None:
    return url.port or {"http": 80, "https": 443}.get(url.scheme)
