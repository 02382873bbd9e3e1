"""Reads the file of rules, and refuses wrong rules with their line."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from grounding.errors import UserError
from grounding.recipe.schema import suggestion
from infer.report.rules.rule_overlaps import common_defect, find_contradictions
from infer.report.rules.rule_set import InspectionRule, RuleSet, Ruling, ValueRange, Zone
from infer.report.rules.yaml_lines import LinedValue, read_lined_yaml

FILE_KEYS = ("severities", "fails_from", "labels", "places", "rules", "otherwise")
RULE_KEYS = ("name", "label", "area_share", "confidence", "place", "not_place", "severity", "suggestion")
OTHERWISE_KEYS = ("severity", "suggestion")
RANGE_KEYS = ("from", "to")

SEVERITIES = ("minor", "major", "critical")
"""Where the file names none; the lightest first."""

OTHERWISE = "otherwise"


def read_rules(path: Path, categories: Sequence[str]) -> RuleSet:
    """Read rules about defects with these labels, the names on the data set's card.

    Without categories on the card, as with expressions, the file has to list its `labels`.

    Raises:
        UserError: the file cannot be read, or is empty; a key or a label is unknown; a number is out of its
            range; a rule fits nothing; or two rules give one defect two severities. The line is named.
    """
    top = read_lined_yaml(path)
    content = top.mapping(FILE_KEYS, "the file of rules")
    for key in ("rules", OTHERWISE, "fails_from"):
        if key not in content:
            top.refuse(f"no `{key}`: see recipes/report/rules.yaml for an example")
    labels = _labels(content.get("labels"), categories, top)
    severities = _severities(content.get("severities"))
    places = _places(content.get("places"))
    rules = [
        _rule(value, number, labels, severities, places)
        for number, value in enumerate(content["rules"].items("`rules`"), start=1)
    ]
    rule_set = RuleSet(
        str(path),
        severities,
        _one_of(content["fails_from"], severities, "fails_from"),
        tuple(rules),
        _otherwise(content[OTHERWISE], severities),
    )
    _check_names(rules, path)
    _check_fits(rules, labels, path)
    return rule_set


def _labels(value: LinedValue | None, categories: Sequence[str], top: LinedValue) -> tuple[str, ...]:
    """Return the labels that defects can have."""
    if value is None:
        if not categories:
            top.refuse("the data set's card has no categories: list the labels of defects under `labels`")
        return tuple(categories)
    known = value.items("`labels`")
    if categories:
        for item in known:
            _one_of(item, categories, "labels")
        return tuple(categories)
    return tuple(dict.fromkeys(item.text("a label") for item in known))


def _severities(value: LinedValue | None) -> tuple[str, ...]:
    if value is None:
        return SEVERITIES
    names: list[str] = []
    for item in value.items("`severities`"):
        name = item.text("a severity")
        if name in names:
            item.refuse(f"severity '{name}' comes a second time")
        names.append(name)
    return tuple(names)


def _places(value: LinedValue | None) -> dict[str, Zone]:
    if value is None:
        return {}
    return {name: _zone(name, sides) for name, sides in value.mapping(None, "`places`").items()}


def _zone(name: str, value: LinedValue) -> Zone:
    sides = value.items(f"place '{name}'")
    if len(sides) != 4:
        value.refuse(
            f"place '{name}' needs four numbers, [left, top, right, bottom] in shares of the picture"
        )
    left, top, right, bottom = (side.number(f"place '{name}'", 0, 1) for side in sides)
    if not (left < right and top < bottom):
        value.refuse(f"place '{name}' has no area: left < right and top < bottom are needed")
    return Zone(name, _open_at_one(left, right), _open_at_one(top, bottom))


def _open_at_one(low: float, high: float) -> ValueRange:
    """Return a range of shares; 1 at its end belongs to it, as nothing lies beyond."""
    return ValueRange(low, high) if high < 1 else ValueRange(low)


def _rule(
    value: LinedValue,
    number: int,
    labels: Sequence[str],
    severities: Sequence[str],
    places: Mapping[str, Zone],
) -> InspectionRule:
    given = value.mapping(RULE_KEYS, "a rule")
    if "severity" not in given:
        value.refuse("the rule has no `severity`")
    name = given["name"].text("name") if "name" in given else f"rule {number}"
    zones: dict[str, tuple[Zone, ...]] = {
        key: tuple(places[_one_of(item, tuple(places), key)] for item in given[key].texts(key))
        for key in ("place", "not_place")
        if key in given
    }
    return InspectionRule(
        name,
        value.line,
        _one_of(given["severity"], severities, "severity"),
        given["suggestion"].text("suggestion") if "suggestion" in given else "",
        tuple(_one_of(item, labels, "label") for item in given["label"].texts("label"))
        if "label" in given
        else (),
        _range(given.get("area_share"), "area_share"),
        _range(given.get("confidence"), "confidence"),
        zones.get("place", ()),
        zones.get("not_place", ()),
    )


def _range(value: LinedValue | None, what: str) -> ValueRange:
    """Return the range of shares that `{from: 0.1, to: 0.5}` names."""
    if value is None:
        return ValueRange()
    given = value.mapping(RANGE_KEYS, what)
    if not given:
        value.refuse(f"{what} needs `from`, `to` or both")
    bounds = {key: item.number(f"{what}.{key}", 0, 1) for key, item in given.items()}
    low, high = bounds.get("from", 0.0), bounds.get("to", 1.0)
    if not low < high and not low == high == 1:
        value.refuse(f"{what} holds no number: from {low:g} is not below to {high:g}")
    return _open_at_one(low, high)


def _otherwise(value: LinedValue, severities: Sequence[str]) -> Ruling:
    given = value.mapping(OTHERWISE_KEYS, "`otherwise`")
    if "severity" not in given:
        value.refuse("`otherwise` has no `severity`: it is that of defects which no rule fits")
    suggested = given["suggestion"].text("suggestion") if "suggestion" in given else ""
    severity = _one_of(given["severity"], severities, "severity")
    return Ruling(severity, (), (suggested,) if suggested else ())


def _one_of(value: LinedValue, known: Sequence[str], key: str) -> str:
    name = value.text(key)
    if name not in known:
        listed = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
        value.refuse(f"{key}: unknown '{name}'{suggestion(name, known)} (there are: {listed or 'none'})")
    return name


def _check_names(rules: Sequence[InspectionRule], path: Path) -> None:
    seen: dict[str, int] = {}
    for rule in rules:
        if rule.name in seen:
            raise UserError(
                f"{path}, line {rule.line}: two rules are called '{rule.name}' (line {seen[rule.name]}): "
                "give each its own name"
            )
        seen[rule.name] = rule.line


def _check_fits(rules: Sequence[InspectionRule], labels: Sequence[str], path: Path) -> None:
    """Refuse rules that fit nothing, and rules that give one defect two severities."""
    for rule in rules:
        if common_defect([rule], labels) is None:
            raise UserError(
                f"{path}, line {rule.line}: '{rule.name}' fits no place: `not_place` covers `place`"
            )
    for first, second, defect in find_contradictions(rules, labels):
        raise UserError(
            f"{path}, line {second.line}: '{second.name}' contradicts '{first.name}' (line {first.line}): a "
            f"'{defect.label}' with area_share {defect.area_share:g}, confidence {defect.confidence:g} and "
            f"its centre at ({defect.x:g}, {defect.y:g}) would be {second.severity} and {first.severity}: "
            "change the conditions so that no defect meets both"
        )
