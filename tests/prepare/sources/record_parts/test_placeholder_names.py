import pytest

from prepare.reasons import RECORD_AMBIGUOUS, UnusableQueryError
from prepare.sources.record_parts.placeholder_names import fill_json_template, is_json_template, pair_names

N, B = "<ref-object>", "<bbox>"


@pytest.mark.parametrize(
    ("turns", "names"),
    [
        ((f"Find {N}", B), [0]),
        ((f"Find {N}, {N}", f"{B}, {B}"), [0, 1]),
        ((f"Find {N}", f"{B}{B}"), [0, 0]),
        (("Find", f"{N}{B}{B}, {N}{B}"), [0, 0, 1]),
        (("Find", f"{N}, {N}: {B}{B}"), [0, 1]),
        (("Find", f"No {N}, but {N}{B}"), [1]),
        (("Find", f"{N}{B}", "More?", B), [0, 0]),
        ((f"Beside {N}{B}?", f"{N}{B}"), [None, 1]),
        ((f"Beside {N}{B}?", B), [None, None]),
        ((f"Where is {N} beside {N}{B}?", B), [None, 0]),
        (("Find", B), [None]),
        (("Find", f'{{"b": {B}, "l": "{N}"}}, {{"l": "{N}", "b": [{B}, {B}]}}'), [0, 1, 1]),
        ((f"Where is {N}?", f'{{"b": {B}}}'), [0]),
        (("Find", f'{{"b": [{B}, {B}], "l": ["{N}", "{N}"]}}'), [0, 1]),
    ],
)
def test_boxes_have_the_names_that_the_places_tell(turns: tuple[str, ...], names: list[int | None]) -> None:
    roles = ["user", "assistant"] * len(turns)
    assert pair_names(list(zip(roles, turns, strict=False))) == names


@pytest.mark.parametrize(
    "turns",
    [
        (f"Find {N}, {N}", f"{B}{B}{B}"),
        (f"Find {N}, {N}, {N}", f"{B}{B}"),
        ("Find", f"No {N}, but {N}{B}{B}"),
        ("Find", f"{N} or {N} is at {B}"),
        ("Find", f'{{"l": "{N}", "m": "{N}", "b": {B}}}'),
    ],
)
def test_what_the_places_do_not_tell_is_ambiguous(turns: tuple[str, str]) -> None:
    with pytest.raises(UnusableQueryError, match=RECORD_AMBIGUOUS):
        pair_names(list(zip(("user", "assistant"), turns, strict=True)))


def test_json_is_filled_with_json() -> None:
    text = f'{{"b": {B}, "l": "{N}"}}, {{"l": {N}, "b": {B}}}'
    assert is_json_template(text)
    assert not is_json_template(f"{N}{B} {{}}")
    filled = fill_json_template(text, iter(['a "b"', "c"]), iter([[1, 2, 3, 4], [5, 6, 7, 8]]))
    assert filled == '{"b": [1, 2, 3, 4], "l": "a \\"b\\""}, {"l": "c", "b": [5, 6, 7, 8]}'
