"""Connections that ask nothing, or do not read, are closed: uvicorn has no limits for either."""

import asyncio
import resource
from collections import Counter
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from grounding.errors import UserError

OTHER_FILES = 128
"""Files that the process opens beside connections and the images of requests: libraries, weights, pipes."""


class BoundedConnection(H11Protocol):
    """A connection of uvicorn's that is closed when it is idle for too long, or must make room.

    It is idle while no request is answered: from its start, or from a response, to the end of the head of the
    next request. Bytes do not prolong that time. A client that does not read has as long to make room for
    what the server wants to send next.
    """

    idle_seconds: float
    max_connections: int
    waiting_since: float = 0.0
    _idle_timer: asyncio.TimerHandle | None = None
    _unread_timer: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is answered."""
        return self._idle_timer is not None

    def connection_made(self, transport: Any) -> None:
        """Start to wait for the head of a request; at the limit, close another connection."""
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > self.max_connections:
            self._least_useful().abort()

    def handle_events(self) -> None:
        """Stop to wait when the head of a request has come."""
        super().handle_events()
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._wait()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Start to wait for the client to read."""
        super().pause_writing()
        self._unread_timer = self.loop.call_later(self.idle_seconds, self.abort)

    def resume_writing(self) -> None:
        """Stop to wait for the client to read."""
        super().resume_writing()
        self._stop_waiting_for_reader()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        self._stop_waiting()
        self._stop_waiting_for_reader()
        super().connection_lost(exc)

    def abort(self) -> None:
        """Close at once, whether the client reads or not."""
        self._stop_waiting()
        self.connections.discard(self)
        self.transport.abort()

    def _least_useful(self) -> "BoundedConnection":
        """Return the connection to close: of the address with the most of them, the least useful one.

        That is the oldest that is idle, or else has an incomplete body, or else receives a response. A
        request that waits for its response is never given up: without another one, it is this connection.
        """
        others: list[Any] = [one for one in self.connections if one is not self]
        held = Counter(one.address for one in others)
        return min(
            (one for one in others if one.progress is not None),
            key=lambda one: (-held[one.address], one.progress, one.waiting_since),
            default=self,
        )

    @property
    def address(self) -> str:
        """The network address of the client."""
        return self.client[0] if self.client else ""

    @property
    def progress(self) -> int | None:
        """0 while it is idle, 1 while a body arrives, 2 while a response is sent, None before that."""
        if self.is_idle:
            return 0
        if self.cycle.more_body:
            return 1
        return 2 if self.cycle.response_started else None

    def _wait(self) -> None:
        self._stop_waiting()
        self.waiting_since = self.loop.time()
        self._idle_timer = self.loop.call_later(self.idle_seconds, self.abort)

    def _stop_waiting(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    def _stop_waiting_for_reader(self) -> None:
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None


def bounded(idle_seconds: float, max_connections: int) -> type[BoundedConnection]:
    """Return a class of connections with these limits, as uvicorn makes the instances."""
    limits = {"idle_seconds": idle_seconds, "max_connections": max_connections}
    return type("Connection", (BoundedConnection,), limits)


def make_room_for_files(connections: int, images: int) -> None:
    """Raise this process's limit of open files to what connections and images need.

    Raises:
        UserError: the system does not allow as many.
    """
    needed = connections + images + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise UserError(
            f"{needed} open files are needed and {hard} allowed (ulimit -Hn): set max_connections or "
            "queue_size lower"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
