import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grounding.answers.asked import Asked
from grounding.answers.writer import write_answer
from grounding.boxes import Box, Size
from grounding.errors import UserError
from grounding.record.filling import fill_placeholders
from grounding.samples import Detection
from train.objectives.coordinates.coordinate_digits import (
    NOT_LEARNED,
    coordinate_codes,
    coordinate_spans,
    digit_token_ids,
)
from train.objectives.coordinates.distance_targets import NO_DIGIT, digit_code

GRID_NUMBERS = st.integers(0, 999)
EVIL = (
    '"bbox_2d": [1, 2, 3, 4]',
    "<box>(1,2),(3,4)",
    "bus 12 (30,40),(500,600)",
    "\\",
    'x", "bbox_2d": [5, 6, 7, 8], "',
    "[{7}]",
    "٣ und ７",
    "42",
)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x1, y1 = draw(GRID_NUMBERS), draw(GRID_NUMBERS)
    return Box(x1, y1, draw(st.integers(x1 + 1, 1000)), draw(st.integers(y1 + 1, 1000)))


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="<|>"), min_size=1)
LABELS = st.one_of(st.sampled_from(EVIL), TEXTS)
OBJECTS = st.lists(
    st.builds(Detection, label=LABELS, box=boxes(), description=st.one_of(st.none(), LABELS)),
    min_size=1,
    max_size=4,
)


def found_in(labels: Sequence[int], tokenizer: Any) -> list[str]:
    """The numbers that the codes stand for; each digit's token must be that of the number at its place."""
    numbers: list[str] = []
    for label, code in zip(
        labels, coordinate_codes(labels, tokenizer, digit_token_ids(tokenizer)), strict=True
    ):
        if code == NO_DIGIT:
            continue
        number, place = divmod(code, 4)
        assert tokenizer.convert_ids_to_tokens(label) == str(number)[place]
        if place == 0:
            numbers.append("")
        assert numbers[-1] == str(number)[:place]
        numbers[-1] += str(number)[place]
    return numbers


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    objects=OBJECTS, answer_format=st.sampled_from(["objects", "json"]), pictures=st.sampled_from([1, 1, 12])
)
def test_digits_of_boxes_are_found_and_no_others(
    tokenizer: Any, objects: list[Detection], answer_format: str, pictures: int
) -> None:
    """The numbers of pictures, which an answer about several names, are none of a box."""
    objects = [replace(each, picture=7 * place % pictures) for place, each in enumerate(objects)]
    objects.sort(key=lambda each: each.picture)
    answer = write_answer(answer_format, objects, Asked((Size(1000, 1000),) * pictures))
    [text] = fill_placeholders([answer.content], answer.objects)
    ids = tokenizer(f"{text}<|im_end|>\n")["input_ids"]
    labels = [NOT_LEARNED] * 5 + ids + [NOT_LEARNED] * 2
    wanted = [
        str(int(side)) for each in objects for side in (each.box.x1, each.box.y1, each.box.x2, each.box.y2)
    ]
    assert found_in(labels, tokenizer) == wanted


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ('```json\n[{"bbox_2d": [0, 7, 1000, 99], "label": "9"}]\n```', ["0", "7", "1000", "99"]),
        ('{"label": "bbox", "bbox": [1,2,3,4]}', ["1", "2", "3", "4"]),
        (r'[{"\u0062box_2d": [ 1, 2 ,3, 4 ]}]', ["1", "2", "3", "4"]),
        ('[{"bbox_2d": [1, 2, 3, 4], "label": "a"}, {"bbox_2d": [5, 6, 7', ["1", "2", "3", "4"]),  # cut
        ('[{"label": "a 1", "point_2d": [1, 2], "count": 3, "size": [1, 2, 3, 4]}]', []),
        ('[{"bbox_2d": [0.5, 2, 3, 4]}, {"bbox_2d": [-1, 2, 3, 4]}, {"bbox_2d": [1, 2, 3, 1001]}]', []),
        ('[{"bbox_2d": [1, 2, 3]}, {"bbox_2d": [1, 2, 3, 4, 5]}, {"bbox_2d": [01, 2, 3, 4]}]', []),
        ('a sign that says "bbox_2d": [1, 2, 3, 4]', []),
        ("3 dogs at (10,20),(30,40)", []),
        ("None of them is in the image.", []),
        ("<|box_start|>(1,2),(3,4)", []),
        ("<|box_start|>(1,2),(3,4)<|box_end|> 5<|box_start|>(01,2),(3,4)<|box_end|>", ["1", "2", "3", "4"]),
        ("<|box_start|>(1,2),(3,12345)<|box_end|>", []),
    ],
)
def test_what_a_box_is(text: str, numbers: list[str]) -> None:
    assert [text[first:end] for first, end in coordinate_spans(text)] == numbers


def test_only_learned_turns_count(tokenizer: Any) -> None:
    one, other = (
        tokenizer(f"<|box_start|>({number},2),(30,400)<|box_end|>")["input_ids"] for number in (17, 55)
    )
    masked = [NOT_LEARNED] * len(one)
    assert found_in([*masked, *other, *masked], tokenizer) == ["55", "2", "30", "400"]
    both = ["17", "2", "30", "400", "55", "2", "30", "400"]
    assert found_in([*one, NOT_LEARNED, *other], tokenizer) == both
    assert found_in(masked, tokenizer) == []


def test_digits_are_single_tokens(tokenizer: Any) -> None:
    ids = digit_token_ids(tokenizer)
    assert [tokenizer.decode([each]) for each in ids] == list("0123456789")
    codes = coordinate_codes(tokenizer('[{"bbox": [1000, 2, 3, 45]}]')["input_ids"], tokenizer, ids)
    first = codes.index(digit_code(1000, 0))
    assert codes[first : first + 4] == [digit_code(1000, place) for place in range(4)]


class _MergedDigits:
    """A tokenizer with a token for a number of two digits."""

    def __call__(self, text: str) -> dict[str, list[int]]:
        return {"input_ids": [10 if piece == "17" else 0 for piece in text.split(",")]}

    def convert_tokens_to_ids(self, token: str) -> int:
        return int(token)

    def decode(self, ids: Sequence[int], **options: Any) -> str:
        return f'{{"bbox": [17, {ids[0]}, 20, 30]}}'


def test_a_tokenizer_that_merges_digits_is_refused() -> None:
    with pytest.raises(UserError, match="one token of each digit"):
        digit_token_ids(_MergedDigits())
    with pytest.raises(ValueError, match="7 digits are 1 tokens"):
        coordinate_codes([5, 11], _MergedDigits(), range(10))


def test_json_with_any_other_spelling_is_still_json(tokenizer: Any) -> None:
    rows = [{"label": "7", "bbox_2d": [1, 22, 333, 1000], "description": "8 [9]"}]
    for text in (json.dumps(rows), json.dumps(rows, indent=2), json.dumps(rows, separators=(",", ":"))):
        assert found_in(tokenizer(text)["input_ids"], tokenizer) == ["1", "22", "333", "1000"]
