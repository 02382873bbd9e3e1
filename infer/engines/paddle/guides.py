"""What steers an answer while it is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Ending:
    """An answer ends early: its first `kept` tokens stay, and `problem` names the reason."""

    kept: int
    problem: str


class Guide(Protocol):
    """Steers one answer, token by token; every answer has guides of its own."""

    def allowed(self) -> Any:
        """Return which tokens may come next, as booleans (vocabulary,) in numpy; None: any."""
        ...

    def forced(self) -> Sequence[int]:
        """Return the tokens that must come next, as far as there is no choice; () where there is one."""
        ...

    def accept(self, token_id: int) -> Ending | None:
        """Take the answer's next token, and return where the answer ends, None if it goes on.

        The tokens that end an answer are accepted, too.
        """
        ...


def allowed_by(guides: Sequence[Guide]) -> Any:
    """Return which tokens all guides allow, as booleans (vocabulary,); None: any."""
    if not guides:
        return None
    masks = [mask for mask in (guide.allowed() for guide in guides) if mask is not None]
    if not masks:
        return None
    both = masks[0]
    for mask in masks[1:]:
        both = both & mask
    return both


def forced_by(guides: Sequence[Guide]) -> Sequence[int]:
    """Return the tokens that the first guide with an opinion forces."""
    if not guides:
        return ()
    return next((forced for forced in (guide.forced() for guide in guides) if forced), ())
