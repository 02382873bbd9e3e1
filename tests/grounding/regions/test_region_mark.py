import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.regions.region_mark import REGION_KEY, Region, asks_for_words, read_region
from grounding.regions.shown_region import SHOWN_AS

GOOD = {"box": [1, 2, 300, 1000], "show": "spotlight", "label": "dog", "phrases": ["the dog", "狗"]}

corners = st.lists(st.integers(0, 1000), min_size=2, max_size=2, unique=True).map(sorted)
texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(
    lambda text: bool(text.strip()) and not {"<", ">"} & set(text)
)


@given(corners, corners, st.sampled_from(SHOWN_AS), st.none() | texts, st.lists(texts, min_size=1), texts)
def test_a_region_comes_back_from_its_row(
    xs: list[int], ys: list[int], show: str, label: str | None, phrases: list[str], image: str
) -> None:
    region = Region((xs[0], ys[0], xs[1], ys[1]), show, label, tuple(phrases), image)
    row = json.loads(json.dumps({"messages": [], REGION_KEY: region.as_json()}))
    assert read_region(row) == region
    assert asks_for_words(row)


def test_the_mark_has_no_image_where_none_is_known() -> None:
    region = read_region({"region": GOOD})
    assert region == Region((1, 2, 300, 1000), "spotlight", "dog", ("the dog", "狗"))
    assert region.as_json() == GOOD


@pytest.mark.parametrize(
    "row",
    [
        {},
        [],
        None,
        {"region": None},
        {"region": "EU"},
        {"region": 3},
        {"region": {}},
        {"region": {"box": [1]}},
    ],
)
def test_what_another_tool_keeps_under_the_key_is_no_mark(row: Any) -> None:
    assert read_region(row) is None
    assert not asks_for_words(row)


def test_further_keys_of_a_mark_are_left_alone() -> None:
    assert read_region({"region": GOOD | {"score": 0.5}}) == read_region({"region": GOOD})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"box": [1, 2, 3]}, r"region\.box: \[1, 2, 3\] is not"),
        ({"box": [1, 2, 3, 4.0]}, r"region\.box"),
        ({"box": [1, 2, 3, True]}, r"region\.box"),
        ({"box": [5, 2, 5, 9]}, r"region\.box.*with an area"),
        ({"box": [0, 0, 9, 1001]}, r"region\.box.*0\.\.1000"),
        ({"box": [-1, 0, 9, 9]}, r"region\.box"),
        ({"box": "all"}, r"region\.box: 'all'"),
        ({"show": "spotligt"}, r"region\.show: 'spotligt' is none of spotlight"),
        ({"show": ["blur"]}, r"region\.show"),
        ({"label": ""}, r"region\.label"),
        ({"label": 3}, r"region\.label: 3 is no text"),
        ({"phrases": []}, r"region\.phrases: \[\] is not a list of at least one"),
        ({"phrases": "dog"}, r"region\.phrases"),
        ({"phrases": ["dog", " "]}, r"region\.phrases: ' ' is no text"),
        ({"phrases": ["<bbox>"]}, r"region\.phrases"),
        ({"phrases": ["dog", None]}, r"region\.phrases: None"),
        ({"image": 3}, r"region\.image: 3 is not the path"),
    ],
)
def test_a_mark_that_makes_no_sense_is_named_in_one_line(changes: dict[str, Any], message: str) -> None:
    row = {"region": GOOD | changes}
    with pytest.raises(ValueError, match=message) as caught:
        read_region(row)
    assert "\n" not in str(caught.value)
    assert asks_for_words(row)


def problem_of(row: dict[str, Any]) -> str | None:
    try:
        read_region(row)
    except ValueError as error:
        return str(error)
    return None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from([*GOOD, "image"]), json_values)
def test_no_content_raises_anything_else(key: str, value: Any) -> None:
    row = {"region": GOOD | {key: value}}
    if (problem := problem_of(row)) is None:
        assert read_region(row) is not None
    else:
        assert problem.startswith(f"region.{key}: ")
