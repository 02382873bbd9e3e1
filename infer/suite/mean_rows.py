"""Which means a suite's table has: of groups, of all sets, of domains; and why one is missing."""

from collections.abc import Iterator, Mapping, Sequence

from grounding.suites.suite_recipe import SuiteRecipe
from grounding.suites.suite_sets import DOMAINS
from infer.suite.member_scores import MemberScores
from infer.suite.suite_means import DOMAIN, GROUP, MEAN, SuiteRow, difference_row, mean_row
from infer.suite.suite_members import Member

Scored = Mapping[str, MemberScores]
"""The scores of the members that have some, by the member's name."""

Found = Iterator[SuiteRow | tuple[str, str]]
"""Rows, and for each mean that is missing its name with the reason."""


def mean_rows(
    suite: SuiteRecipe, members: Sequence[Member], scored: Scored
) -> tuple[list[SuiteRow], dict[str, str]]:
    """Return the rows of means and differences, and why there are none where a set is missing."""
    rows: list[SuiteRow] = []
    problems: dict[str, str] = {}
    for (way, _), together in _asked_alike(members).items():
        for found in (
            *_group_rows(suite, way, together, scored),
            *_mean_row(suite, way, together, scored),
            *_domain_rows(suite, way, together, scored),
        ):
            if isinstance(found, SuiteRow):
                rows.append(found)
            else:
                problems[found[0]] = found[1]
    return rows, problems


def _asked_alike(members: Sequence[Member]) -> dict[tuple[str, bool], list[Member]]:
    """Return the members that one mean is over: asked in one way, boxes and yes/no questions apart."""
    alike: dict[tuple[str, bool], list[Member]] = {}
    for member in members:
        alike.setdefault((member.way, member.suite_set.questions is not None), []).append(member)
    return alike


def _group_rows(suite: SuiteRecipe, way: str, members: Sequence[Member], scored: Scored) -> Found:
    groups: dict[str, list[str]] = {}
    for member in members:
        if (group := member.suite_set.group) is not None:
            groups.setdefault(group, []).append(member.name)
    for group, names in groups.items():
        if missing := [name for name in names if name not in scored]:
            yield f"{group}, {way}", f"there are no scores of {', '.join(missing)}"
        else:
            found = [scored[name] for name in names]
            yield mean_row(GROUP, f"{group}, mean of {len(found)}", way, found, suite.metrics)


def _mean_row(suite: SuiteRecipe, way: str, members: Sequence[Member], scored: Scored) -> Found:
    if not suite.average:
        return
    found = [scored[member.name] for member in members if member.name in scored]
    wanted = suite.expected or len(members)
    if len(found) < len(members) or wanted != len(members):
        yield f"mean, {way}", f"there are scores of {len(found)} sets, and the mean is over {wanted}"
    else:
        yield mean_row(MEAN, f"mean of {len(found)} sets", way, found, suite.metrics)


def _domain_rows(suite: SuiteRecipe, way: str, members: Sequence[Member], scored: Scored) -> Found:
    by_domain = [[one.name for one in members if one.suite_set.domain == domain] for domain in DOMAINS]
    if not all(by_domain):
        return
    if failed := [name for part in by_domain for name in part if name not in scored]:
        yield f"difference of domains, {way}", f"there are no scores of {', '.join(failed)}"
        return
    inside, outside = ([scored[name] for name in part] for part in by_domain)
    yield mean_row(DOMAIN, f"in domain, mean of {len(inside)}", way, inside, suite.metrics)
    yield mean_row(DOMAIN, f"out of domain, mean of {len(outside)}", way, outside, suite.metrics)
    yield difference_row("out of domain minus in domain", way, inside, outside, suite.metrics)
