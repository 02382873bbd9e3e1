"""Boxes are found in what is taught, with tokens that say what they should, by tiny and real tokenizers."""

from typing import Any

import pytest

from grounding.answers.writer import write_answer
from grounding.boxes import Box, Size
from grounding.record.filling import fill_placeholders
from grounding.samples import Detection
from train.objectives.coordinates.coordinate_digits import digit_token_ids
from train.objectives.joint_head.answer_boxes import NOT_TAUGHT, TaughtBox, taught_boxes

OBJECTS = (
    Detection("red square", Box(0, 7, 1000, 1000)),
    Detection("dog 12", Box(88, 90, 101, 999)),
    Detection("dog 12", Box(5, 6, 7, 8)),
    Detection("café \u72d7", Box(100, 200, 300, 400)),
)
BEFORE = 5


def record(tokenizer: Any, *texts: str) -> tuple[list[int], list[int]]:
    """Token ids, and PaddleFormers' labels: the next token, where it is of an answer."""
    tokens, taught = [tokenizer("<|im_start|>")["input_ids"][0]] * BEFORE, [False] * BEFORE
    for text in texts:
        ids = tokenizer(f"{text}<|im_end|>", add_special_tokens=False)["input_ids"]
        tokens, taught = [*tokens, *ids, ids[-1]], [*taught, *[True] * len(ids), False]
    pairs = zip(tokens[1:], taught[1:], strict=True)
    return tokens, [*(token if is_taught else NOT_TAUGHT for token, is_taught in pairs), NOT_TAUGHT]


def answer_text(answer_format: str, objects: tuple[Detection, ...]) -> str:
    answer = write_answer(answer_format, list(objects), Size(1000, 1000))
    [text] = fill_placeholders([answer.content], answer.objects)
    return text


def written(tokenizer: Any, tokens: list[int], places: Any) -> str:
    return str(tokenizer.decode([tokens[place] for place in places], clean_up_tokenization_spaces=False))


@pytest.mark.parametrize("answer_format", ["objects", "json"])
def test_tokens_are_those_of_numbers_and_labels(tokenizer: Any, answer_format: str) -> None:
    texts = [answer_text(answer_format, part) for part in (OBJECTS, OBJECTS[:1])]
    tokens, labels = record(tokenizer, *texts)
    answers = taught_boxes(labels, tokenizer, digit_token_ids(tokenizer))
    assert [len(answer) for answer in answers] == [4, 1]
    for answer in answers:
        for box, wanted in zip(answer, OBJECTS, strict=False):
            assert (box.label, box.numbers) == (wanted.label, tuple(map(int, wanted.box.xyxy)))
            check_places(tokenizer, tokens, box)
            assert tokens[box.end - 1] == tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert answers[0][0].end < answers[1][0].places[2]


def check_places(tokenizer: Any, tokens: list[int], box: TaughtBox) -> None:
    label_end, box_end, *before = box.places
    for place, number in zip(before, box.numbers, strict=True):
        digits = range(place + 1, place + 1 + len(str(number)))
        assert written(tokenizer, tokens, digits) == str(number)
        assert not written(tokenizer, tokens, [place]).isdigit()
    after = written(tokenizer, tokens, range(before[3] + 1 + len(str(box.numbers[3])), box_end + 1))
    assert set(after) <= set("<|box_end|>)]}, \"'")
    assert written(tokenizer, tokens, box.label_tokens).count(box.label) == 1
    assert box.label_tokens[-1] == label_end


def test_answers_without_boxes_and_odd_numbers_have_none(tokenizer: Any) -> None:
    for text in ("There are 3 of 12.", "Yes", "cat(007,1),(20,30)", "cat(0.5,1),(20,30)"):
        _, labels = record(tokenizer, text)
        assert taught_boxes(labels, tokenizer, digit_token_ids(tokenizer)) == []


def test_a_label_that_begins_the_answer_is_not_changed(tokenizer: Any) -> None:
    _, labels = record(tokenizer, "cat(1,2),(20,30), cat(3,4),(50,60)")
    [[first, second]] = taught_boxes(labels, tokenizer, digit_token_ids(tokenizer))
    assert len(first.label_tokens) == 0
    assert len(second.label_tokens) > 0
