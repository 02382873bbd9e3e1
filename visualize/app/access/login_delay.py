"""A growing delay after wrong passwords, for each network address."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

FREE_ATTEMPTS = 3
"""Attempts without a delay: people mistype."""

LONGEST_DELAY = 900.0
"""Seconds. An address gets 96 attempts a day at most, once it has come this far."""

ADDRESSES_KEPT = 10_000
"""Addresses that are remembered, the latest: about 2 MB."""


@dataclass
class LoginDelay:
    """Remembers the attempts to log in: after the free ones, each doubles the time until the next is allowed.

    An attempt counts when it starts, so that attempts at the same time do not slip through.
    """

    clock: Callable[[], float] = time.monotonic
    _attempts: OrderedDict[str, tuple[int, float]] = field(default_factory=OrderedDict)

    def start(self, visitor: str) -> int:
        """Count an attempt and return 0, or return the seconds to wait before the next one."""
        count, allowed_at = self._attempts.get(visitor, (0, 0.0))
        now = self.clock()
        if now < allowed_at:
            return math.ceil(allowed_at - now)
        count += 1
        delay = 0.0 if count < FREE_ATTEMPTS else min(2.0 ** min(count - FREE_ATTEMPTS, 30), LONGEST_DELAY)
        self._attempts[visitor] = count, now + delay
        self._attempts.move_to_end(visitor)
        while len(self._attempts) > ADDRESSES_KEPT:
            self._attempts.popitem(last=False)
        return 0

    def succeed(self, visitor: str) -> None:
        """Forget the attempts of an address that gave the password."""
        self._attempts.pop(visitor, None)
