"""Answers cut for the client, and their bodies as the OpenAI client's own types read them."""

import math
from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from infer.engines.protocol import HeadBox, RawAnswer, Token
from infer.serve.replies.answer_fields import AnswerFields
from infer.serve.replies.choices import completion_body, cut_answer
from infer.serve.replies.event_stream import AnswerEvents

ANSWER = RawAnswer(
    "red square(1,2)",
    is_cut=False,
    tokens=(
        Token("red", -0.5, alternatives=(("red", -0.5), ("blue", -1.5))),
        Token(" square", -0.25),
        Token("(1,2)", -1.0),
    ),
    prompt_tokens=40,
)


def fields(**given: Any) -> AnswerFields:
    return AnswerFields.model_validate(given)


@pytest.mark.parametrize(
    ("given", "text", "tokens", "is_cut"),
    [
        ({}, "red square(1,2)", 3, False),
        ({"max_tokens": 3}, "red square(1,2)", 3, False),
        ({"max_tokens": 2}, "red square", 2, True),
        ({"stop": "("}, "red square", 2, False),
        ({"stop": "absent"}, "red square(1,2)", 3, False),
        ({"stop": ["1", " "]}, "red", 1, False),
        ({"stop": "d sq"}, "re", 1, False),  # across two tokens
        ({"stop": "red"}, "", 0, False),
        ({"stop": "(", "max_tokens": 2}, "red square", 2, True),  # cut before it
        ({"stop": "sq", "max_tokens": 2}, "red ", 2, False),
    ],
)
def test_an_answer_ends_where_the_client_wants(
    given: dict[str, Any], text: str, tokens: int, is_cut: bool
) -> None:
    answer = cut_answer(ANSWER, fields(**given))
    assert (answer.text, len(answer.tokens), answer.is_cut) == (text, tokens, is_cut)
    assert "".join(token.text for token in answer.tokens) == text
    assert answer.prompt_tokens == 40


def test_an_answer_without_tokens_is_cut_by_its_text() -> None:
    assert cut_answer(RawAnswer("one, two", False), fields(stop=",")).text == "one"


def test_the_body_is_what_the_clients_types_say() -> None:
    body = completion_body("m", ANSWER, fields(n=2, logprobs=True, top_logprobs=2))
    read = ChatCompletion.model_validate(body, strict=True)
    assert [choice.index for choice in read.choices] == [0, 1]
    assert read.choices[0].message == read.choices[1].message
    assert read.usage is not None
    assert (read.usage.prompt_tokens, read.usage.completion_tokens, read.usage.total_tokens) == (40, 6, 46)
    assert read.choices[0].logprobs is not None
    first = (read.choices[0].logprobs.content or [])[0]
    assert [(other.token, other.logprob) for other in first.top_logprobs] == [("red", -0.5), ("blue", -1.5)]
    assert completion_body("m", ANSWER, fields())["choices"][0]["logprobs"] is None


def test_tokens_within_a_character_keep_their_bytes_and_a_cut_one_its_start() -> None:
    red = "红".encode()
    tokens = (
        Token("", -0.5, is_unfinished=True, content=red[:1]),
        Token("红 b", -0.25, content=red[1:] + b" b"),
        Token("c", -1.0, content=b"c"),
    )
    answer = RawAnswer("红 bc", is_cut=False, tokens=tokens)

    def listed(**given: Any) -> list[list[int] | None]:
        body = completion_body("m", cut_answer(answer, fields(logprobs=True, **given)), fields(logprobs=True))
        return [token["bytes"] for token in body["choices"][0]["logprobs"]["content"]]

    assert listed() == [list(red[:1]), list(red[1:] + b" b"), [ord("c")]]
    assert listed(stop="b") == [list(red[:1]), list("红 ".encode())]
    assert listed(stop="bc") == [list(red[:1]), list("红 ".encode())]
    assert (
        completion_body("m", ANSWER, fields(logprobs=True))["choices"][0]["logprobs"]["content"][0]["bytes"]
        is None
    )


def test_a_probability_of_zero_is_a_number_of_json() -> None:
    answer = RawAnswer("a", False, (Token("a", -math.inf),))
    body = completion_body("m", answer, fields(logprobs=True))
    assert body["choices"][0]["logprobs"]["content"][0]["logprob"] == -9999.0


def test_boxes_of_a_head_come_beside_the_text_as_far_as_it_goes() -> None:
    first = HeadBox((4, 24), (0.1, 0.2, 0.3004567, 1.0), 0.75)
    answer = RawAnswer(
        "cup (100,200),(300,1000)", is_cut=False, head_boxes=(first, HeadBox((90, 99), first.shares, 0.5))
    )
    message = completion_body("model", answer, fields())["choices"][0]["message"]
    assert message["content"] == answer.text
    assert message["boxes"] == [{"span": [4, 24], "bbox_2d": [100.0, 200.0, 300.457, 1000.0], "match": 0.75}]
    cut = completion_body("model", cut_answer(answer, fields(stop=[","])), fields())
    assert "boxes" not in cut["choices"][0]["message"]
    events = b"".join(AnswerEvents("model", fields(stream=True)).rest(answer))
    assert events.count(b'"bbox_2d":[100.0,200.0,300.457,1000.0]') == 1
