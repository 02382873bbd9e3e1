from hypothesis import given
from hypothesis import strategies as st

from grounding.grammar.digits import can_have, leads, longer


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 1200))
def test_digits_lead_to_a_number_between_two_others(one: int, other: int, value: int) -> None:
    low, high = sorted((one, other))
    going_on = [str(number) for number in range(low, high + 1) if str(number).startswith(str(value))]
    assert leads(value, low, high) == bool(going_on)
    for count in range(4):
        assert can_have(value, count, low, high) == any(len(n) == len(str(value)) + count for n in going_on)
        if count:
            assert can_have(None, count, low, high) == any(
                len(str(number)) == count for number in range(low, high + 1)
            )


def test_no_number_begins_with_a_zero() -> None:
    assert longer(None, 0) == 0
    assert longer(0, 5) is None
    assert longer(10, 5) == 105
    assert not leads(None, 0, 9)
