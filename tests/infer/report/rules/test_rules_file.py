from pathlib import Path

import pytest

from grounding.boxes import Box, Size
from grounding.errors import UserError
from infer.report.rules.rule_set import RuleSet, look_at
from infer.report.rules.rules_file import read_rules
from tests.infer.report.drawn_defects import LABELS, RULES

EXAMPLE = Path(__file__).parents[4] / "recipes" / "report" / "rules.yaml"
SIZE = Size(100, 100)

RULE_LINE = 6
"""The line of the first rule in the files below."""


def read(folder: Path, text: str, labels: tuple[str, ...] = LABELS) -> RuleSet:
    path = folder / "rules.yaml"
    path.write_text(text, encoding="utf-8")
    return read_rules(path, labels)


def with_rules(*rules: str) -> str:
    head = "fails_from: major\nplaces:\n  left: [0, 0, 0.5, 1]\notherwise: {severity: minor}\nrules:\n"
    return head + "".join(f"  - {{{rule}}}\n" for rule in rules)


def test_rules_judge_label_size_place_and_confidence(tmp_path: Path) -> None:
    rules = read(tmp_path, RULES)
    on_seal = rules.rule_on(look_at("scratch", Box(10, 10, 20, 12), SIZE, 0.3))
    assert (on_seal.severity, on_seal.rules) == ("critical", ("scratch on the seal",))
    assert on_seal.suggestions == ("Stop the line.",)
    assert rules.rule_on(look_at("scratch", Box(60, 10, 70, 12), SIZE, 0.3)).severity == "minor"
    assert rules.rule_on(look_at("stain", Box(0, 0, 10, 100), SIZE, None)).severity == "major"
    assert rules.rule_on(look_at("stain", Box(0, 0, 9, 100), SIZE, None)).severity == "minor"
    assert [rules.fails(name) for name in rules.severities] == [False, True, True]
    assert not rules.weighs_confidence


def test_bounds_belong_to_one_range_only(tmp_path: Path) -> None:
    rules = read(
        tmp_path,
        with_rules("confidence: {to: 0.5}, severity: minor", "confidence: {from: 0.5}, severity: major"),
    )
    box = Box(0, 0, 1, 1)
    found = [
        rules.rule_on(look_at("stain", box, SIZE, value)).severity for value in (0.0, 0.4999, 0.5, 1.0, None)
    ]
    assert found == ["minor", "minor", "major", "major", "major"]  # without a confidence it counts as sure


def test_rules_of_one_severity_are_both_named(tmp_path: Path) -> None:
    rules = read(tmp_path, with_rules(
        "name: a, label: stain, severity: major, suggestion: wash",
        "name: b, place: left, severity: major, suggestion: dry",
    ))  # fmt: skip
    both = rules.rule_on(look_at("stain", Box(0, 0, 10, 10), SIZE, 1.0))
    assert (both.rules, both.suggestions) == (("a", "b"), ("wash", "dry"))


def test_the_example_is_right() -> None:
    rules = read_rules(EXAMPLE, ["red square", "green circle", "blue triangle"])
    assert [rule.severity for rule in rules.rules] == ["critical", "major"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the file is empty"),
        ("# only a comment\n", "line 1: the file is empty"),
        ("- a\n", "line 1: the file of rules has to be `key: value` lines"),
        ("rules: [\n", r"line 2: not readable as YAML"),
        (with_rules(), "line 5: `rules` has to be a list with at least one entry"),
        (
            with_rules("label: scrach, severity: minor"),
            "line 6: label: unknown 'scrach', did you mean 'scratch'",
        ),
        (
            with_rules("severity: minor", "label: [stain, dent], severity: minor"),
            "line 7: label: unknown 'dent'",
        ),
        (with_rules("severity: fatal"), "line 6: severity: unknown 'fatal'"),
        (with_rules("sevrity: minor"), "line 6: unknown key 'sevrity' in a rule, did you mean 'severity'"),
        (with_rules("label: stain"), "line 6: the rule has no `severity`"),
        (with_rules("place: right, severity: minor"), "line 6: place: unknown 'right'"),
        (
            with_rules("area_share: {from: 2}, severity: minor"),
            r"line 6: area_share\.from is 2: it has to be from 0",
        ),
        (
            with_rules("area_share: {from: .nan}, severity: minor"),
            r"line 6: area_share\.from has to be|is .nan",
        ),
        (
            with_rules("area_share: {from: 0.5, to: 0.5}, severity: minor"),
            "line 6: area_share holds no number",
        ),
        (with_rules("area_share: {}, severity: minor"), "line 6: area_share needs `from`, `to` or both"),
        (
            with_rules("area_share: {above: 0.1}, severity: minor"),
            "line 6: unknown key 'above' in area_share",
        ),
        (with_rules("confidence: high, severity: minor"), "line 6: confidence has to be `key: value`"),
        (with_rules("place: left, not_place: left, severity: minor"), "line 6: 'rule 1' fits no place"),
        (with_rules("severity: minor, severity: major"), "line 6: 'severity' comes a second time"),
        (
            with_rules("name: a, severity: minor", "name: a, severity: minor"),
            "line 7: two rules are called 'a'",
        ),
        (with_rules("severity: minor") + "rules: []\n", "line 7: 'rules' comes a second time"),
        (with_rules("severity: minor").replace("0.5, 1]", "0.5]"), "line 3: place 'left' needs four numbers"),
        (with_rules("severity: minor").replace("[0, 0,", "[0.6, 0,"), "line 3: place 'left' has no area"),
        (
            with_rules("severity: minor").replace("fails_from: major", "severities: [a, a]"),
            "line 1: no `fails_from`",
        ),
        ("severities: [a, a]\n" + with_rules("severity: a"), "line 1: severity 'a' comes a second time"),
        ("extra: 1\n" + with_rules("severity: minor"), "line 1: unknown key 'extra'"),
        ("fails_from: major\nrules: [{severity: minor}]\n", "line 1: no `otherwise`"),
    ],
)
def test_wrong_rules_are_refused_with_their_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=rf"rules\.yaml, {message}"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("first", "second", "defect"),
    [
        ("severity: major", "label: stain, severity: minor", "a 'stain' with area_share 0"),
        (
            "area_share: {to: 0.3}, severity: major",
            "area_share: {from: 0.2, to: 0.4}, severity: minor",
            "area_share 0.2",
        ),
        (
            "confidence: {from: 0.9}, severity: major",
            "place: left, severity: minor",
            r"confidence 0.9 and its centre at \(0, 0\)",
        ),
        (
            "not_place: left, severity: major",
            "area_share: {from: 0.5}, severity: minor",
            r"centre at \(0.5, 0\)",
        ),
        (
            "area_share: {from: 1}, severity: major",
            "label: [scratch, stain], severity: minor",
            "area_share 1,",
        ),
    ],
)
def test_two_severities_for_one_defect_are_refused(
    tmp_path: Path, first: str, second: str, defect: str
) -> None:
    with pytest.raises(UserError, match=rf"line 7: 'rule 2' contradicts 'rule 1' \(line 6\): .*{defect}"):
        read(tmp_path, with_rules(first, second))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("label: scratch, severity: major", "label: stain, severity: minor"),
        ("area_share: {to: 0.2}, severity: major", "area_share: {from: 0.2}, severity: minor"),
        ("place: left, severity: major", "not_place: left, severity: minor"),
        ("confidence: {to: 0.2}, severity: major", "confidence: {from: 0.3}, severity: minor"),
    ],
)
def test_rules_that_touch_do_not_contradict(tmp_path: Path, first: str, second: str) -> None:
    assert len(read(tmp_path, with_rules(first, second)).rules) == 2


def test_labels_have_to_be_listed_where_the_card_has_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="list the labels of defects under `labels`"):
        read(tmp_path, with_rules("severity: minor"), labels=())
    text = "labels: [a scratch on the lid]\n" + with_rules("label: a scratch on the lid, severity: major")
    assert read(tmp_path, text, labels=()).rules[0].labels == ("a scratch on the lid",)
    with pytest.raises(UserError, match="line 1: labels: unknown 'a scratch on the lid'"):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").touch()
    with pytest.raises(UserError, match=r"rule\.yaml: no such file, did you mean '.*rules\.yaml'"):
        read_rules(tmp_path / "rule.yaml", LABELS)


def test_the_fingerprint_is_that_of_what_decides(tmp_path: Path) -> None:
    rules = read(tmp_path, RULES)
    assert (
        read(tmp_path, "# note\n" + RULES.replace("Clean it.", "Wash it.")).fingerprint == rules.fingerprint
    )
    assert read(tmp_path, RULES.replace("0.1}", "0.2}")).fingerprint != rules.fingerprint
    assert read(tmp_path, RULES.replace("from: major", "from: critical")).fingerprint != rules.fingerprint
