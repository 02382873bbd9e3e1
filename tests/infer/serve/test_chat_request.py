"""Bodies of chat requests: what is accepted, and what is refused with which field named."""

import base64
from typing import Any

import pytest
from pydantic import ValidationError

from grounding.markup import IMAGE_PLACEHOLDER
from infer.engines.protocol import Exchange
from infer.serve.chat_request import MOST_PARTS, ChatRequest, first_problem
from infer.serve.replies.answer_fields import AnswerFields

IMAGE = b"\x89PNG\r\n"
URL = f"data:image/png;base64,{base64.b64encode(IMAGE).decode()}"
PICTURE = {"type": "image_url", "image_url": {"url": URL, "detail": "high"}}
TEXT = {"type": "text", "text": "Where is it?"}
SYSTEM = {"role": "system", "content": "Be brief."}
ANSWER = {"role": "assistant", "content": "A dog.", "refusal": None}


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(parts), "name": "somebody"}


def body(*messages: Any, **fields: Any) -> dict[str, Any]:
    return {"model": "tiny", "messages": list(messages), **fields}


def test_texts_and_image_are_read() -> None:
    request = ChatRequest.model_validate(body(SYSTEM, user(TEXT, PICTURE, TEXT)))
    assert request.system == "Be brief."
    assert request.user == f"Where is it?{IMAGE_PLACEHOLDER}Where is it?"
    assert request.images == (IMAGE,)
    assert request.max_answer_tokens is None


def test_a_question_can_be_in_words_alone() -> None:
    turns = ({"role": "user", "content": "How are you?"}, ANSWER, {"role": "user", "content": "Why?"})
    request = ChatRequest.model_validate(body(*turns))
    assert request.images == ()
    assert request.user == "Why?"
    assert [exchange.question for exchange in request.history] == ["How are you?"]


def test_a_conversation_is_read() -> None:
    more = {"role": "user", "content": "And a cat?"}
    listed = {"role": "assistant", "content": [{"type": "text", "text": "None."}]}
    turns = (user(TEXT, PICTURE), ANSWER, more, listed, user(TEXT, TEXT))
    for system in ((), (SYSTEM,)):
        request = ChatRequest.model_validate(body(*system, *turns))
        assert request.history == (
            Exchange(f"Where is it?{IMAGE_PLACEHOLDER}", "A dog."),
            Exchange("And a cat?", "None."),
        )
        assert (request.user, request.images) == ("Where is it?Where is it?", (IMAGE,))
        assert request.system == ("Be brief." if system else "")


def test_pictures_are_read_in_their_order() -> None:
    other = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    turns = (user(PICTURE, other, TEXT), ANSWER, user(TEXT, other))
    request = ChatRequest.model_validate(body(*turns))
    assert request.images == (IMAGE, bytes(3), bytes(3))
    assert request.history == (Exchange(f"{IMAGE_PLACEHOLDER * 2}Where is it?", "A dog."),)
    assert request.user == f"Where is it?{IMAGE_PLACEHOLDER}"
    later = ChatRequest.model_validate(body(user(TEXT), ANSWER, user(PICTURE)))
    assert (later.images, later.user) == ((IMAGE,), IMAGE_PLACEHOLDER)


@pytest.mark.parametrize("content", [[{"type": "text", "text": "Be brief."}], [{"text": "Be brief."}]])
def test_a_system_message_can_be_a_list(content: list[dict[str, str]]) -> None:
    request = ChatRequest.model_validate(body({"role": "system", "content": content}, user(PICTURE)))
    assert (request.system, request.user) == ("Be brief.", IMAGE_PLACEHOLDER)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 6, "max_tokens": 5}, 6),
        ({"max_completion_tokens": None, "max_tokens": 5}, 5),  # null counts as absent
        ({"max_tokens": None}, None),
    ],
)
def test_the_longest_answer_has_a_new_name_and_an_old_one(
    fields: dict[str, Any], expected: int | None
) -> None:
    assert ChatRequest.model_validate(body(user(PICTURE), **fields)).max_answer_tokens == expected


def test_unknown_fields_and_harmless_values_are_accepted() -> None:
    fields = {"top_p": 0.9, "n": 1, "stream": False, "temperature": 0, "logprobs": None, "user": {"a": 1}}
    assert not ChatRequest.model_validate(body(user(PICTURE), **fields)).logprobs
    assert ChatRequest.model_validate(body(user(PICTURE), logprobs=5, stream=None)).logprobs


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (body(user(PICTURE), stream="yes"), "stream: Input should be a valid boolean"),
        (body(user(PICTURE), top_k=5), "top_k: this server does not have this field"),
        (body(user({**PICTURE, "cache_control": {}})), "image_url.cache_control: Extra inputs are not"),
        (body({**user(PICTURE), "audio": 1}), "messages.0.user.audio: Extra inputs are not permitted"),
        (
            body(user({"type": "image_url", "image_url": {"url": URL, "detail": "low"}})),
            "image_url.detail: Input should be 'auto', 'high' or 'original'",
        ),
        (body(user(PICTURE), temperature=0.7), "temperature: this server decodes greedily"),
        (body(user(PICTURE), temperature="0"), "temperature: Input should be a valid number"),
        (body(user(PICTURE), max_tokens=0), "max_tokens: Input should be greater than or equal to 1"),
        (body(user(PICTURE), max_tokens=2.5), "max_tokens: Input should be a valid integer"),
        (body(user(PICTURE), max_completion_tokens="9"), "max_completion_tokens: Input should be"),
        ({"model": "tiny"}, "messages: Field required"),
        (body(), "messages: expected an optional system message, then user messages, each but the last with"),
        (body(SYSTEM), "messages: expected an optional system message"),
        (body(user(PICTURE), SYSTEM), "messages: expected an optional system message"),
        (body(user(PICTURE), user(PICTURE)), "messages: expected an optional system message"),
        (body(ANSWER), "messages: expected an optional system message"),
        (body(user(PICTURE), ANSWER), "messages: expected an optional system message"),
        (body(user(PICTURE), ANSWER, ANSWER, user(TEXT)), "messages: expected an optional system message"),
        (body(user(PICTURE), SYSTEM, user(TEXT)), "messages: expected an optional system message"),
        (body({"role": "tool", "content": "yes"}), "messages.0: Input tag 'tool'"),
        (
            body(user(PICTURE), ANSWER, {"role": "user", "content": IMAGE_PLACEHOLDER}),
            "messages.2.user.content: expected no text with <image>",
        ),
        (
            body(user(PICTURE), {**ANSWER, "content": [PICTURE]}, user(TEXT)),
            "messages.1.assistant.content",
        ),
        (
            body(user(PICTURE), {**ANSWER, "tool_calls": [{}]}, user(TEXT)),
            "messages.1.assistant.tool_calls: Extra inputs are not permitted",
        ),
        (body({"content": []}), "messages.0: Unable to extract tag using discriminator 'role'"),
        (body({"role": "system", "content": []}, user(PICTURE)), "messages.0.system.content"),
        (body({"role": "user", "content": []}), "messages.0.user.content: expected a text, an image_url"),
        (body({"role": "user", "content": 5}), "messages.0.user.content: Input should be a valid list"),
        (body(user(*[TEXT] * (MOST_PARTS + 1))), "messages.0.user.content: List should have at most 4096"),
        (body(user(PICTURE, {"type": "text", "text": IMAGE_PLACEHOLDER})), "no text with <image>"),
        (body(user(PICTURE, {"type": "video_url", "video_url": {}})), "messages.0.user.content.1: Input tag"),
        (body(user(PICTURE, {"type": "text"})), "messages.0.user.content.1.text.text: Field required"),
        (body(user({"type": "image_url", "image_url": URL})), "image_url: Input should be a valid dict"),
    ],
)
def test_the_field_that_is_wrong_is_named(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ChatRequest.model_validate(changed)
    assert message in first_problem(caught.value)
    assert "\n" not in first_problem(caught.value)


def test_nulls_count_as_absent_everywhere() -> None:
    picture = {
        "type": "image_url",
        "image_url": {"url": URL, "detail": None},
        "prompt_cache_breakpoint": None,
    }
    turn = {**user(picture, {**TEXT, "extra": None}), "name": None}
    request = ChatRequest.model_validate(
        body({**SYSTEM, "name": None}, turn, tools=None, unheard_of=None, stream=None, n=None, stop=None)
    )
    assert request.user == f"{IMAGE_PLACEHOLDER}Where is it?"
    assert request.answer_fields == AnswerFields()
    with pytest.raises(ValidationError, match="Field required"):
        ChatRequest.model_validate({"model": "tiny", "messages": None})


@pytest.mark.parametrize("line_end", ["\n", "\r\n", " ", "\t"])
def test_base64_may_be_broken_into_lines(line_end: str) -> None:
    content = bytes(range(256))
    data = base64.encodebytes(content).decode().replace("\n", line_end)
    assert data.count(line_end) > 3
    picture = {"type": "image_url", "image_url": {"url": f"DATA:image/png;BASE64,{data}"}}
    assert ChatRequest.model_validate(body(user(picture))).images == (content,)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://example.com/a.png", "expected the image itself, as data:image/...;base64,..."),
        ("data:image/png,abc", "expected the image itself"),
        (None, "expected the image itself"),
        ("data:image/png;base64,%%%", "not base64: "),
        ("data:image/png;base64,AAA", "not base64: "),
        ("data:image/png;base64,äöü=", "not base64: "),
    ],
)
def test_an_image_that_is_not_inline_is_refused(url: str | None, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ChatRequest.model_validate(body(user({"type": "image_url", "image_url": {"url": url}})))
    assert f"image_url.url: {message}" in first_problem(caught.value)
