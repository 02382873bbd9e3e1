"""Counts of what is left out, by reason; too much damage stops the run."""

from collections import Counter
from collections.abc import Mapping, Sized
from dataclasses import dataclass, field
from pathlib import Path

from grounding.errors import UserError
from prepare.reasons import DAMAGE, REMEDIES
from prepare.source_types import Lost


@dataclass
class DropLog:
    """What one pass over a source leaves out, and how many images it looks at.

    `dropped` can be shared by several passes; the share of damaged images belongs to one pass. `planned` is
    the number of images that the pass looks at, at least.
    """

    max_bad_share: float
    dropped: Counter[str] = field(default_factory=Counter)
    planned: int = 0
    looked_at: int = 0
    bad: int = 0
    first_bad: str = ""

    def lose(self, lost: Lost) -> None:
        """Count images that the source does not deliver; only damaged ones count as looked at."""
        self._count(lost)
        if lost.reason in DAMAGE:
            self.looked_at += lost.images
            self._add_bad(lost)

    def reject(self, lost: Lost) -> None:
        """Count images that were read and cannot be used."""
        self._count(lost)
        self.looked_at += lost.images
        if lost.reason in DAMAGE:
            self._add_bad(lost)

    def check(self, *, is_over: bool = True) -> None:
        """Stop the run if too many images are bad; before the end only if good images cannot make up for it.

        Raises:
            UserError: more than `max_bad_share` of the images are bad.
        """
        total = self.looked_at if is_over else max(self.looked_at, self.planned)
        if self.bad > self.max_bad_share * total:
            raise UserError(
                f"{self.bad} of {total} images looked at are damaged or missing, more than "
                f"max_bad_share={self.max_bad_share:g} allows; the first: {self.first_bad}: repair the "
                "source, or allow a larger share"
            )

    def _count(self, lost: Lost) -> None:
        self.dropped[lost.reason] += lost.images
        self.dropped.update(lost.items)

    def _add_bad(self, lost: Lost) -> None:
        self.bad += lost.images
        self.first_bad = self.first_bad or f"{lost.where}: {lost.reason}"


def check_usable(images: Sized, folder: Path, dropped: Mapping[str, int], purpose: str = "training") -> None:
    """Check that something is left to train on, or to test with.

    Raises:
        UserError: no image is usable.
    """
    if not images:
        drops = ", ".join(f"{reason} ({number})" for reason, number in sorted(dropped.items())) or "nothing"
        remedies = "".join(f"; {remedy}" for reason, remedy in REMEDIES.items() if reason in dropped)
        raise UserError(f"{folder}: no usable {purpose} image; dropped: {drops}{remedies}")
