"""Bodies of requests, read within a size, a time, and the sum of all that is in flight."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from pydantic_core import from_json
from starlette.requests import ClientDisconnect

from infer.engines.settings import MEGABYTE
from infer.serve.access import RefusedError


class InFlight:
    """The bytes of all requests that are read, or wait for their answers."""

    def __init__(self, limit: int) -> None:
        """Let so many bytes in."""
        self.limit = limit
        self.used = 0

    def reserve(self) -> "Reservation":
        """Return a request's share, 0 at first."""
        return Reservation(self)


class Reservation:
    """The bytes of one request, given back at the end of a `with` block."""

    def __init__(self, whole: InFlight) -> None:
        """Start with nothing."""
        self._whole = whole
        self._own = 0

    def __enter__(self) -> "Reservation":
        return self

    def __exit__(self, *_: object) -> None:
        self._whole.used -= self._own
        self._own = 0

    def grow(self, size: int) -> None:
        """Take so many bytes more.

        Raises:
            RefusedError: the requests in flight would have too many.
        """
        if self._whole.used + size > self._whole.limit:
            raise RefusedError(
                429,
                f"the requests in flight have {self._whole.limit // MEGABYTE} MB already "
                "(max_inflight_megabytes): repeat it later",
            )
        self._whole.used += size
        self._own += size


async def read_body(
    chunks: AsyncIterator[bytes], declared: str | None, limit: int, seconds: float, share: Reservation
) -> bytearray:
    """Return a body of at most `limit` bytes that arrives within `seconds`.

    `declared` is the Content-Length.

    Raises:
        RefusedError: it is larger, or takes longer, or the client gave up; or too much is in flight.
    """
    if declared is not None and declared.isdecimal() and int(declared[:20]) > limit:
        raise _too_large(limit)

    async def read() -> bytearray:
        body = bytearray()
        async for chunk in chunks:
            if len(body) + len(chunk) > limit:
                raise _too_large(limit)
            share.grow(len(chunk))
            body += chunk
        return body

    try:
        return await asyncio.wait_for(read(), seconds)
    except asyncio.TimeoutError as error:
        message = f"the body did not arrive within {seconds:g} s (body_seconds)"
        raise RefusedError(408, message) from error
    except ClientDisconnect as error:  # nobody reads the response
        raise RefusedError(400, "the request was given up") from error


def parse_object(body: bytearray) -> dict[str, Any]:
    """Return the JSON object in a body.

    Raises:
        RefusedError: not JSON in UTF-8, with half a surrogate pair in a text, or not an object.
    """
    try:
        content = from_json(body)
    except ValueError as error:
        raise RefusedError(400, f"the body is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise RefusedError(400, "the body is not a JSON object")
    return content


def _too_large(limit: int) -> RefusedError:
    return RefusedError(413, f"the request is larger than {limit // MEGABYTE} MB (max_megabytes)")
