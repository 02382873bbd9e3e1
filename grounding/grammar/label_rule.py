"""What a grammar asks of the rule for its labels, byte by byte."""

from collections.abc import Sequence
from typing import Any, Protocol

LABEL_ROOM = 16
"""An object is begun only where so many tokens are left for a free label; then it can become longer."""


class LabelRule(Protocol):
    """The labels that are allowed; a state is what their next byte depends on."""

    start: Any

    def step(self, state: Any, byte: int) -> Any:
        """Return the state after one more byte, None where no label goes on with it."""
        ...

    def is_whole(self, state: Any) -> bool:
        """Tell whether a label can end here."""
        ...

    def choices(self, state: Any) -> Sequence[int] | None:
        """Return the bytes that can come next; None where there are too many to list."""
        ...

    def reserve(self, state: Any) -> int:
        """Return how many bytes the label still needs at most before it can end."""
        ...
