"""A share of independent trials, with its interval."""

from dataclasses import dataclass
from functools import cached_property

LEVEL = 0.95
"""How often such an interval holds the true share."""


@dataclass(frozen=True)
class Proportion:
    """`count` of `total`."""

    count: int
    total: int

    @property
    def share(self) -> float | None:
        """The share, None of nothing."""
        return self.count / self.total if self.total else None

    @cached_property
    def interval(self) -> tuple[float, float]:
        """The Wilson interval of the share at LEVEL; 0 to 1 where there is no trial.

        Source: Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 1927.
        """
        if not self.total:
            return 0.0, 1.0
        from scipy.stats import binomtest

        found = binomtest(self.count, self.total).proportion_ci(LEVEL, method="wilson")
        return round(float(found.low), 6), round(float(found.high), 6)

    def __str__(self) -> str:
        """Return the share in percent with its interval, and the two numbers."""
        if self.share is None:
            return "0 of 0"
        low, high = self.interval
        return f"{self.share:.1%} ({low * 100:.1f} to {high * 100:.1f} %), {self.count} of {self.total}"

    def as_json(self) -> dict[str, float | int | None]:
        """Return the numbers, ready for JSON."""
        low, high = self.interval
        share = None if self.share is None else round(self.share, 6)
        return {"count": self.count, "total": self.total, "share": share, "low": low, "high": high}
