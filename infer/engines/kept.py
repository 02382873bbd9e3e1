"""What an engine keeps of the last images: their patches, and the prompts about them that were read."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, Protocol


class Sized(Protocol):
    """Something that takes memory."""

    @property
    def size(self) -> int:
        """The bytes that it takes."""
        ...


class Kept:
    """The things that were used last, of at most `most_bytes` together; larger ones are not kept at all.

    Several threads may use it: the web app asks in some.
    """

    def __init__(self, most_bytes: int) -> None:
        """Keep nothing yet."""
        self.most_bytes = most_bytes
        self.bytes = 0
        self._things: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: Hashable) -> Any:
        """Return what is kept under a key, None where there is nothing; it is now the last that was used."""
        with self._lock:
            if key in self._things:
                self._things.move_to_end(key)
            return self._things.get(key)

    def all(self) -> list[Any]:
        """Return everything that is kept, what was not used for longest first."""
        with self._lock:
            return list(self._things.values())

    def put(self, key: Hashable, thing: Sized) -> None:
        """Keep something; what was not used for longest makes room."""
        with self._lock:
            if key in self._things:
                self.bytes -= self._things.pop(key).size
            if thing.size > self.most_bytes:
                return
            self._things[key] = thing
            self.bytes += thing.size
            while self.bytes > self.most_bytes:
                _, oldest = self._things.popitem(last=False)
                self.bytes -= oldest.size

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._things.clear()
            self.bytes = 0
