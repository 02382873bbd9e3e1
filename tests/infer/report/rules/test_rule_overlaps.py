from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from infer.report.rules.rule_overlaps import common_defect, find_contradictions
from infer.report.rules.rule_set import FoundDefect, InspectionRule, ValueRange, Zone

LABELS = ("a", "b")
STEPS = [0.0, 0.25, 0.5, 0.75]
"""All bounds below are among these, so that these and the points between them stand for all numbers."""

ranges = st.tuples(st.sampled_from(STEPS), st.sampled_from([*STEPS[1:], float("inf")])).map(
    lambda pair: ValueRange(*sorted(pair)) if pair[0] != pair[1] else ValueRange(pair[0])
)
zones = st.builds(Zone, st.just("zone"), ranges, ranges)
rules = st.builds(
    InspectionRule,
    name=st.just("rule"),
    line=st.just(1),
    severity=st.sampled_from(["minor", "major"]),
    suggestion=st.just(""),
    labels=st.sampled_from([(), ("a",), ("b",)]),
    area_share=ranges,
    confidence=ranges,
    inside=st.lists(zones, max_size=2).map(tuple),
    outside=st.lists(zones, max_size=2).map(tuple),
)


@given(rules, rules)
def test_a_contradiction_is_found_if_and_only_if_there_is_one(
    first: InspectionRule, second: InspectionRule
) -> None:
    everything = (FoundDefect(*values) for values in product(LABELS, STEPS, STEPS, STEPS, STEPS))
    is_there = any(first.fits(defect) and second.fits(defect) for defect in everything)
    found = common_defect([first, second], LABELS)
    assert (found is not None) == is_there
    assert found is None or (first.fits(found) and second.fits(found))
    contradictions = list(find_contradictions([first, second], LABELS))
    assert bool(contradictions) == (is_there and first.severity != second.severity)
