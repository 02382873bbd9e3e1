import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.grammar.free_labels import FreeLabel
from tests.grounding.grammar.label_walks import ends_after, state_after


@pytest.mark.parametrize("is_json", [False, True])
@given(spelled=st.binary(max_size=6))
def test_free_labels_are_whole_characters(is_json: bool, spelled: bytes) -> None:
    if ends_after(FreeLabel(is_json=is_json), spelled):
        text = spelled.decode()
        assert text.strip() == text != ""


@pytest.mark.parametrize("is_json", [False, True])
@given(label=st.text(st.characters(exclude_characters="<◁|＜｜", exclude_categories=("Cs",)), min_size=1))
def test_every_character_between_others_is_allowed(is_json: bool, label: str) -> None:
    """Bytes that stand for several characters while one is unfinished do not shut any of them out."""
    rule = FreeLabel(is_json=is_json)
    character = label[0]
    if character < " " or character in '\x7f\\"＼':
        return
    assert ends_after(rule, f"a{character}a".encode())
    assert ends_after(rule, f"a{character}".encode()) == (not character.isspace())
    assert ends_after(rule, f"{character}a".encode()) == (not character.isspace())


@pytest.mark.parametrize("is_json", [False, True])
@given(spelled=st.binary(max_size=5))
def test_the_shortest_end_of_a_free_label_is_reached(is_json: bool, spelled: bytes) -> None:
    rule = FreeLabel(is_json=is_json)
    state = state_after(rule, spelled)
    while state is not None and not rule.is_whole(state):
        need = rule.reserve(state)
        steps = [rule.step(state, byte) for byte in range(256)]
        state = min((each for each in steps if each is not None), key=rule.reserve)
        assert rule.reserve(state) == need - 1
    assert state is None or rule.reserve(state) == 0


def test_escapes_belong_to_json() -> None:
    in_json, in_tokens = FreeLabel(is_json=True), FreeLabel(is_json=False)
    assert ends_after(in_json, rb"a \"b\" \\ c")
    assert not ends_after(in_json, b'a "')
    assert not ends_after(in_json, rb"a \n")
    assert not ends_after(in_json, b"a \\")
    assert ends_after(in_tokens, b'a "b" \\')


@pytest.mark.parametrize("label", ["a (1,", "[1 ,", "（ 3，", '{"', "{ \\'", "a 'box", 'the "Coor', "“bbox"])
def test_labels_in_tokens_hold_no_pieces_of_other_forms(label: str) -> None:
    assert state_after(FreeLabel(is_json=False), label.encode()) is None
    assert state_after(FreeLabel(is_json=False), label[:-1].encode()) is not None
