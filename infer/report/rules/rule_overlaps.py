"""Which rules give one defect two severities, with a defect that shows it; and rules that fit nothing."""

from collections.abc import Iterator, Sequence
from itertools import combinations, product

from infer.report.rules.rule_set import FoundDefect, InspectionRule, ValueRange, Zone

WHOLE = ValueRange(0.0, 1.0)


def find_contradictions(
    rules: Sequence[InspectionRule], labels: Sequence[str]
) -> Iterator[tuple[InspectionRule, InspectionRule, FoundDefect]]:
    """Yield pairs of rules with different severities that fit one defect, and such a defect.

    `labels` are all labels that a defect can have. The search is exact: conditions are ranges, so that one
    value stands for all between two neighbouring bounds.
    """
    for first, second in combinations(rules, 2):
        if first.severity != second.severity and (both := common_defect([first, second], labels)):
            yield first, second, both


def common_defect(rules: Sequence[InspectionRule], labels: Sequence[str]) -> FoundDefect | None:
    """Return a defect that all of the rules fit, None where there is none."""
    label = next((name for name in labels if all(not r.labels or name in r.labels for r in rules)), None)
    area = _common(rule.area_share for rule in rules)
    confidence = _common(rule.confidence for rule in rules)
    point = _common_place(rules)
    if label is None or area is None or confidence is None or point is None:
        return None
    return FoundDefect(label, area, *point, confidence)


def _common(ranges: Iterator[ValueRange]) -> float | None:
    """Return the least value from 0 to 1 that all ranges hold."""
    listed = [WHOLE, *ranges]
    low = max(each.low for each in listed)
    return low if low <= 1 and all(low in each for each in listed[1:]) else None


def _common_place(rules: Sequence[InspectionRule]) -> tuple[float, float] | None:
    """Return a point that is a place of all rules.

    Between two neighbouring sides of zones nothing changes: the left and upper sides are tried.
    """
    zones: list[Zone] = [zone for rule in rules for zone in (*rule.inside, *rule.outside)]
    across = sorted({0.0, *(side for zone in zones for side in _starts(zone.across))})
    down = sorted({0.0, *(side for zone in zones for side in _starts(zone.down))})
    return next(((x, y) for x, y in product(across, down) if all(rule.covers(x, y) for rule in rules)), None)


def _starts(sides: ValueRange) -> tuple[float, ...]:
    """Return where a stretch of equal places begins, inside the picture."""
    return tuple(side for side in (sides.low, sides.high) if 0 <= side <= 1)
