from grounding.grammar.listed_labels import ListedLabel
from tests.grounding.grammar.label_walks import ends_after, state_after


def test_listed_labels() -> None:
    rule = ListedLabel(['say "a"', "say", "红"], is_json=True)
    assert ends_after(rule, rb"say \"a\"")
    assert ends_after(rule, b"say")
    assert not ends_after(rule, b"sa")
    assert state_after(rule, b"say a") is None
    assert rule.choices(state_after(rule, b"say")) == (0x20,)
    assert rule.reserve(rule.start) == len(rb"say \"a\"")
    assert rule.reserve(state_after(rule, "红".encode())) == 0
