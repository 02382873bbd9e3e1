"""What is left out, by reason, and when so much of it is damaged that the run has to stop."""

from collections import Counter
from dataclasses import dataclass, field

from grounding.errors import UserError
from prepare.sources.source import ANNOTATION_UNREADABLE, IMAGE_MISSING, ROWS_DAMAGED, Lost
from prepare.write.image_files import IMAGE_DOES_NOT_DECODE, IMAGE_SIZE_DIFFERS, IMAGE_TOO_LARGE

BAD = frozenset(
    {
        ANNOTATION_UNREADABLE,
        IMAGE_DOES_NOT_DECODE,
        IMAGE_MISSING,
        IMAGE_SIZE_DIFFERS,
        IMAGE_TOO_LARGE,
        ROWS_DAMAGED,
    }
)
"""Reasons that speak of a damaged source; the others are a matter of what it shows."""


@dataclass
class Faults:
    """Counts of what was left out, and of the images looked at, in one pass over a source.

    `dropped` can be shared by several passes; the share of bad images is a pass's own. `planned` images are
    going to be looked at, at least.
    """

    max_bad_share: float
    dropped: Counter[str] = field(default_factory=Counter)
    planned: int = 0
    looked_at: int = 0
    bad: int = 0
    first_bad: str = ""

    def lose(self, lost: Lost) -> None:
        """Count images that a source has lost."""
        self.dropped[lost.reason] += lost.images
        if lost.reason in BAD:
            self.bad += lost.images
            self.looked_at += lost.images
            self.first_bad = self.first_bad or f"{lost.where}: {lost.reason}"

    def look(self, reason: str, where: str) -> None:
        """Count an image that was read and cannot be used."""
        self.dropped[reason] += 1
        self.looked_at += 1
        if reason in BAD:
            self.bad += 1
            self.first_bad = self.first_bad or f"{where}: {reason}"

    def check(self, *, is_over: bool = True) -> None:
        """Stop a run whose source is damaged, before the pass is over where that cannot mend it any more.

        Raises:
            UserError: more than `max_bad_share` of the images are bad.
        """
        total = self.looked_at if is_over else max(self.looked_at, self.planned)
        if self.bad > self.max_bad_share * total:
            raise UserError(
                f"{self.bad} of {total} images looked at are damaged or missing, more than "
                f"max_bad_share={self.max_bad_share:g} allows; the first: {self.first_bad}: mend the source, "
                "or allow a larger share"
            )
