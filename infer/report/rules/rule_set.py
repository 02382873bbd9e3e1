"""Rules of an inspection: conditions on a defect, and the severity and suggestion that follow."""

import hashlib
import math
from dataclasses import dataclass

from grounding.boxes import Box, Size


@dataclass(frozen=True)
class ValueRange:
    """Values from `low` up to, but without, `high`."""

    low: float = -math.inf
    high: float = math.inf

    def __contains__(self, value: float) -> bool:
        """Tell whether a value lies in the range."""
        return self.low <= value < self.high


@dataclass(frozen=True)
class Zone:
    """A named part of the picture; its sides are shares of the picture's width and height, 0..1."""

    name: str
    across: ValueRange
    down: ValueRange

    def holds(self, x: float, y: float) -> bool:
        """Tell whether a point, in shares of the picture, lies in the zone."""
        return x in self.across and y in self.down


@dataclass(frozen=True)
class FoundDefect:
    """What rules look at: label, share of the picture's area, centre in shares of it, and confidence.

    A box without a confidence counts as sure, as in the scores.
    """

    label: str
    area_share: float
    x: float
    y: float
    confidence: float = 1.0


@dataclass(frozen=True)
class InspectionRule:
    """One rule of the file. `labels` () means any label; `inside` () means anywhere.

    The place of a defect is the centre of its box. It lies in one of the zones `inside`, and in none of the
    zones `outside`.
    """

    name: str
    line: int
    severity: str
    suggestion: str
    labels: tuple[str, ...] = ()
    area_share: ValueRange = ValueRange()
    confidence: ValueRange = ValueRange()
    inside: tuple[Zone, ...] = ()
    outside: tuple[Zone, ...] = ()

    def covers(self, x: float, y: float) -> bool:
        """Tell whether a point, in shares of the picture, is a place of this rule."""
        is_inside = not self.inside or any(zone.holds(x, y) for zone in self.inside)
        return is_inside and not any(zone.holds(x, y) for zone in self.outside)

    def fits(self, defect: FoundDefect) -> bool:
        """Tell whether a defect meets all conditions."""
        return (
            (not self.labels or defect.label in self.labels)
            and defect.area_share in self.area_share
            and defect.confidence in self.confidence
            and self.covers(defect.x, defect.y)
        )


@dataclass(frozen=True)
class Ruling:
    """The severity of a defect, the names of the rules that say so, and what they suggest."""

    severity: str
    rules: tuple[str, ...]
    suggestions: tuple[str, ...]


@dataclass(frozen=True)
class RuleSet:
    """The contents of a file of rules.

    `severities` are in order, the lightest first. A picture fails by a defect of `fails_from` or worse.
    `otherwise` is for defects that no rule fits. No two rules of different severities fit one defect.
    """

    file: str
    severities: tuple[str, ...]
    fails_from: str
    rules: tuple[InspectionRule, ...]
    otherwise: Ruling

    def rule_on(self, defect: FoundDefect) -> Ruling:
        """Return the severity of a defect; of rules with one severity, all that fit are named."""
        fitting = [rule for rule in self.rules if rule.fits(defect)]
        if not fitting:
            return self.otherwise
        return Ruling(
            fitting[0].severity,
            tuple(rule.name for rule in fitting),
            tuple(dict.fromkeys(rule.suggestion for rule in fitting if rule.suggestion)),
        )

    def fails(self, severity: str) -> bool:
        """Tell whether a defect of this severity makes a picture fail."""
        return self.severities.index(severity) >= self.severities.index(self.fails_from)

    @property
    def weighs_confidence(self) -> bool:
        """Whether any rule has a condition on the confidence."""
        return any(rule.confidence != ValueRange() for rule in self.rules)

    @property
    def fingerprint(self) -> str:
        """A hash of what decides between pass and fail: texts and the order of the rules do not count."""
        conditions = sorted(
            repr((rule.severity, sorted(rule.labels), rule.area_share, rule.confidence,
                  sorted(map(_sides, rule.inside)), sorted(map(_sides, rule.outside))))
            for rule in self.rules
        )  # fmt: skip
        content = repr((self.severities, self.fails_from, self.otherwise.severity, conditions))
        return hashlib.sha256(content.encode()).hexdigest()


def _sides(zone: Zone) -> tuple[float, ...]:
    return zone.across.low, zone.across.high, zone.down.low, zone.down.high


def look_at(label: str, box: Box, size: Size, confidence: float | None) -> FoundDefect:
    """Return what rules see of a box in pixels of a picture of this size; what lies outside is cut off."""
    inside = box.clipped(size)
    middle_x, middle_y, _, _ = inside.cxcywh
    return FoundDefect(
        label,
        inside.area / (size.width * size.height),
        middle_x / size.width,
        middle_y / size.height,
        1.0 if confidence is None else confidence,
    )
