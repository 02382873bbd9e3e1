import json
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.answers.forms import ANSWER_FORMATS
from grounding.answers.writer import CandidateUse
from grounding.boxes import Box
from grounding.grammar.answer_grammar import AnswerGrammar
from grounding.grammar.server_forms import grammar_ebnf, grammar_schema, request_fields
from grounding.grammar.symbols import spell
from grounding.samples import Detection
from tests.grounding.grammar.written_answers import HARD_LABELS, nasty_labels, written, written_about

LABELS = ("dog", 'a "b" \\ c', "红")

formats = pytest.mark.parametrize("answer_format", ANSWER_FORMATS)

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|\[((?:[^\]\\]|\\.)*)\]|([a-z]+(?:-\d+)?)|([|()*])')


def acceptor(ebnf: str) -> Callable[[str], bool]:
    """Read EBNF with code of its own: every rule becomes the places that a text can be at after it."""
    rules = dict(line.split(" ::= ", 1) for line in ebnf.strip().split("\n"))
    parsed = {name: parse(iter(_TOKEN.finditer(rule)), rules) for name, rule in rules.items()}

    def after(item: object, text: str, starts: set[int]) -> set[int]:
        kind, value = item  # type: ignore[misc]
        if kind == "rule":
            tail: set[int] = set()
            waiting = {(name, start) for name in [value] for start in starts}
            done = set(waiting)
            while waiting:  # labels' rules end in another rule: no recursion, however long the text
                name, start = waiting.pop()
                for sequence in parsed[name]:
                    ends, last = {start}, sequence[-1] if sequence else ("text", "")
                    for part in sequence[:-1]:
                        ends = after(part, text, ends)
                    if last[0] == "rule":
                        new = {(last[1], end) for end in ends} - done
                        waiting, done = waiting | new, done | new
                    else:
                        tail |= after(last, text, ends)
            return tail
        if kind == "text":
            return {start + len(value) for start in starts if text.startswith(value, start)}
        if kind == "class":
            return {start + 1 for start in starts if start < len(text) and value.fullmatch(text[start])}
        reached, new = set(starts), set(starts)
        while new:  # a group that is repeated
            ends: set[int] = set()
            for sequence in value:
                here = new
                for part in sequence:
                    here = after(part, text, here)
                ends |= here
            new = ends - reached
            reached |= new
        return reached

    return lambda text: len(text) in after(("rule", "root"), text, {0})


def parse(tokens: object, rules: dict[str, str]) -> list[list[tuple[str, object]]]:
    """Return the sequences of a rule or a group; a group is always repeated."""
    sequences: list[list[tuple[str, object]]] = [[]]
    for token in tokens:  # type: ignore[attr-defined]
        text, members, rule, mark = token.groups()
        if text is not None:
            plain = re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], text)
            sequences[-1].append(("text", plain))
        elif members is not None:
            sequences[-1].append(("class", re.compile(f"[{members.replace('[', chr(92) + '[')}]", re.DOTALL)))
        elif rule is not None:
            assert rule in rules
            sequences[-1].append(("rule", rule))
        elif mark == "|":
            sequences.append([])
        elif mark == "(":
            sequences[-1].append(("group", parse(tokens, rules)))
        elif mark == ")":
            break
    return sequences


@pytest.fixture(scope="module")
def accepts() -> dict[tuple[str, tuple[str, ...]], Callable[[str], bool]]:
    return {
        (answer_format, labels): acceptor(grammar_ebnf(answer_format, labels))
        for answer_format in ANSWER_FORMATS
        for labels in ((), LABELS)
    }


@formats
@pytest.mark.parametrize("labels", [(), LABELS], ids=["free", "listed"])
@settings(max_examples=60)
@given(
    names=st.lists(nasty_labels | st.sampled_from([*HARD_LABELS, *LABELS]), max_size=3),
    numbers=st.lists(st.sampled_from([0, 1, 7, 10, 99, 100, 640, 998, 999]), min_size=2, max_size=2),
    change=st.none() | st.tuples(st.integers(0, 80), st.sampled_from(["", "0", " ", '"', "1", ",", "\n"])),
)
def test_the_ebnf_accepts_what_the_grammar_does(
    answer_format: str,
    labels: tuple[str, ...],
    names: list[str],
    numbers: list[int],
    change: tuple[int, str] | None,
    accepts: dict[tuple[str, tuple[str, ...]], Callable[[str], bool]],
) -> None:
    """Boxes reach to the lower right corner, so that their corners are in order but for a change."""
    objects = [Detection(name, Box(numbers[0], numbers[1], 1000, 1000)) for name in names]
    text = written(answer_format, objects)
    if change is not None and change[0] < len(text) and not text[change[0]].isdigit():
        text = text[: change[0]] + change[1] + text[change[0] + 1 :]
    expected = AnswerGrammar(answer_format, labels).accepts(spell(text))
    assert accepts[answer_format, labels](text) == expected


@formats
def test_the_ebnf_accepts_numbers_of_candidates(answer_format: str) -> None:
    objects = [Detection("dog", Box(1, 2, 3, 4))] * 3
    by_count = {count: acceptor(grammar_ebnf(answer_format, (), candidates=count)) for count in (0, 12)}
    for number in (1, 9, 12, 13, 0):
        for is_corrected in (False, True):
            uses = [CandidateUse(number, is_corrected), None, CandidateUse(2)]
            text = written(answer_format, objects, uses)
            for count, accepts in by_count.items():
                expected = AnswerGrammar(answer_format, candidates=count).accepts(spell(text))
                assert accepts(text) == expected == (0 < number <= count)


def test_the_schema_describes_numbers_of_candidates() -> None:
    kinds = grammar_schema(("dog",), candidates=7)["items"]["anyOf"]
    required = [kind["required"] for kind in kinds]
    assert required == [["candidate", "label"], ["candidate", "bbox_2d", "label"], ["bbox_2d", "label"]]
    assert kinds[0]["properties"]["candidate"] == {"type": "integer", "minimum": 1, "maximum": 7}


@formats
def test_the_ebnf_accepts_hard_labels(
    answer_format: str, accepts: dict[tuple[str, tuple[str, ...]], Callable[[str], bool]]
) -> None:
    for label in (*HARD_LABELS, "a <b", "a|>", "a ", "", "（1，", '{ "'):
        text = written(answer_format, [Detection(label, Box(1, 2, 3, 4))])
        expected = AnswerGrammar(answer_format).accepts(spell(text))
        assert accepts[answer_format, ()](text) == expected, label


@formats
@pytest.mark.parametrize("pictures", [2, 11])
def test_the_ebnf_of_several_pictures_accepts_what_the_grammar_does(
    answer_format: str, pictures: int
) -> None:
    accepts_text = acceptor(grammar_ebnf(answer_format, LABELS, pictures=pictures))
    grammar = AnswerGrammar(answer_format, LABELS, pictures=pictures)
    objects = [Detection("dog", Box(1, 2, 1000, 1000), picture=place) for place in (0, 0, 1, pictures - 1)]
    good = written_about(answer_format, objects, pictures)
    changed = [
        good[:place] + change + good[place + 1 :]
        for place in range(0, len(good), 3)
        for change in ("", "2", "\n", ", ")
        if not good[place].isdigit() or change == "2"
    ]
    texts = [good, written_about(answer_format, [], pictures), written(answer_format, objects[:1]), *changed]
    for text in texts:
        assert accepts_text(text) == grammar.accepts(spell(text)), text
    assert accepts_text(good)


@formats
def test_the_ebnf_does_not_compare_corners(
    answer_format: str, accepts: dict[tuple[str, tuple[str, ...]], Callable[[str], bool]]
) -> None:
    for box, is_accepted in (((9, 9, 5, 5), True), ((0, 0, 0, 5), False), ((0, 0, 5, 1001), False)):
        text = written(answer_format, [Detection("dog", Box(*map(float, box)))])
        assert accepts[answer_format, ()](text) == is_accepted


def test_the_schema_describes_answers_in_json() -> None:
    schema = grammar_schema(LABELS)
    item = schema["items"]
    row = json.loads(written("json", [Detection("dog", Box(1, 2, 3, 1000))]))[0]
    assert list(row) == item["required"] == list(item["properties"])
    number = item["properties"]["bbox_2d"]["items"]
    assert (number["minimum"], number["maximum"]) == (0, 1000)
    assert item["properties"]["label"]["enum"] == list(LABELS)
    several = grammar_schema(LABELS, pictures=3)["items"]
    one = Detection("dog", Box(1, 2, 3, 1000), picture=1)
    row = json.loads(written_about("json", [one], 3))[0]
    assert list(row) == several["required"] == list(several["properties"])
    assert several["properties"]["image"] == {"type": "integer", "minimum": 1, "maximum": 3}
    assert "enum" not in grammar_schema()["items"]["properties"]["label"]


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("vllm", ["structured_outputs", "grammar"]),
        ("sglang", ["ebnf"]),
        ("fastdeploy", ["guided_grammar"]),
    ],
)
def test_each_server_has_a_field_of_its_own(field: str, names: list[str]) -> None:
    value: object = request_fields(field, "objects", LABELS)
    for name in names:
        assert list(value) == [name]  # type: ignore[call-overload]
        value = value[name]  # type: ignore[index]
    assert value == grammar_ebnf("objects", LABELS)


def test_response_format_takes_the_schema() -> None:
    fields = request_fields("response_format", "json", ())
    assert fields["response_format"]["json_schema"]["schema"] == grammar_schema()
