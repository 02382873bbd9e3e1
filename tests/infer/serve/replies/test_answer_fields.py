"""Every field of the OpenAI client's request types: honoured, or refused by its name, by the real client."""

import base64
from collections.abc import Iterator
from functools import cache
from typing import Any

import openai
import pytest
from openai.types.chat import completion_create_params

from tests.infer.serve.running_server import PIXEL, Running, running

URL = f"data:image/png;base64,{base64.b64encode(PIXEL).decode()}"
TOOL = {"type": "function", "function": {"name": "find", "parameters": {}}}
SCHEMA = {"name": "boxes", "schema": {"type": "object"}}

HONOURED: dict[str, list[Any]] = {
    "frequency_penalty": [0, 0.0],
    "function_call": ["none"],
    "functions": [[]],
    "logit_bias": [{}],
    "logprobs": [True, False],
    "max_completion_tokens": [1],
    "max_tokens": [7],
    "modalities": [["text"]],
    "n": [1, 3, 16],
    "presence_penalty": [0],
    "response_format": [{"type": "text"}],
    "seed": [0, -1, 2**62],
    "service_tier": ["auto", "default"],
    "stop": ["x", ["x", "y"], []],
    "store": [False],
    "stream": [False, True],
    "temperature": [0, 0.0],
    "tool_choice": ["none"],
    "tools": [[]],
    "top_p": [1, 0.5],
    "user": ["somebody"],
}
"""Values that the server obeys; several of them by doing nothing, as they ask for nothing."""

REFUSED: dict[str, list[Any]] = {
    "audio": [{"format": "wav", "voice": "alloy"}],
    "frequency_penalty": [0.5, "0", False],
    "function_call": ["auto", {"name": "find"}],
    "functions": [[{"name": "find"}]],
    "logit_bias": [{"5": 100}],
    "logprobs": ["many"],
    "max_completion_tokens": [0, "5"],
    "max_tokens": [-1, 1.5],
    "metadata": [{"a": "b"}],
    "modalities": [["text", "audio"]],
    "moderation": [{}, True],
    "n": [0, 17, 10**9, "2", True],
    "parallel_tool_calls": [True, False],
    "prediction": [{"type": "content", "content": "x"}],
    "presence_penalty": [-1],
    "prompt_cache_key": ["a"],
    "prompt_cache_options": [{}],
    "prompt_cache_retention": ["24h"],
    "reasoning_effort": ["high", "none"],
    "response_format": [
        {"type": "json_object"},
        {"type": "json_schema", "json_schema": SCHEMA},
        "text",
    ],
    "safety_identifier": ["a"],
    "seed": ["1", 0.5],
    "service_tier": ["flex", "priority"],
    "stop": ["", ["x"] * 17, [5], 5, "x" * 1001],
    "store": [True],
    "stream": ["true", 1],
    "stream_options": [{"include_usage": True}],  # without stream
    "temperature": [0.7, "0"],
    "tool_choice": ["auto", "required"],
    "tools": [[TOOL]],
    "top_logprobs": [3],  # without logprobs
    "top_p": [0, 1.5],
    "verbosity": ["low"],
    "web_search_options": [{}],
}
"""Values that it does not obey."""


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as started:
        yield started


@cache
def client_of(port: int) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0)


def ask(server: Running, **fields: Any) -> Any:
    parts = [{"type": "image_url", "image_url": {"url": URL}}, {"type": "text", "text": "Where, x or y?"}]
    messages = [{"role": "user", "content": parts}]
    return client_of(server.port).chat.completions.create(**{"model": "m", "messages": messages, **fields})


def client_fields() -> set[str]:
    return {
        name
        for kind in ("CompletionCreateParamsNonStreaming", "CompletionCreateParamsStreaming")
        for parent in getattr(completion_create_params, kind).__mro__
        for name in getattr(parent, "__annotations__", {})
    }


def test_the_tables_name_every_field_of_the_client() -> None:
    assert len(client_fields()) > 30
    assert {*HONOURED, *REFUSED, "messages", "model"} == client_fields()


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in HONOURED.items() for value in [*values, None]]
)
def test_a_field_is_honoured(server: Running, field: str, value: Any) -> None:
    answer = ask(server, **{field: value})
    if field == "stream" and value:
        assert "".join(chunk.choices[0].delta.content or "" for chunk in answer) == "<image>Where, x or y?"
    else:
        assert len(answer.choices) == (value if field == "n" and value else 1)


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in REFUSED.items() for value in values]
)
def test_a_field_is_refused_by_its_name(server: Running, field: str, value: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(server, **{field: value})
    assert caught.value.body["message"].startswith(field)  # type: ignore[index]


@pytest.mark.parametrize("field", sorted(client_fields() - {"messages", "model"}))
def test_null_counts_as_absent(server: Running, field: str) -> None:
    assert ask(server, **{field: None}).choices[0].message.content == "<image>Where, x or y?"


@pytest.mark.parametrize("field", ["top_k", "chat_template_kwargs", "guided_json", "max_token", "x" * 500])
def test_an_unknown_field_is_refused_by_its_name(server: Running, field: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(server, extra_body={field: 1})
    assert caught.value.body["message"].startswith(field[:60])  # type: ignore[index]
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"include_obfuscation": True}, "stream_options.include_obfuscation"),
        ({"include_usage": "yes"}, "stream_options.include_usage"),
        ({"other": 1}, "stream_options.other"),
        (5, "stream_options"),
    ],
)
def test_the_options_of_a_stream_are_checked_too(server: Running, options: Any, message: str) -> None:
    with pytest.raises(openai.BadRequestError, match=message):
        ask(server, stream=True, stream_options=options)
    for accepted in ({}, {"include_usage": None, "include_obfuscation": False}):
        assert list(ask(server, stream=True, stream_options=accepted))


@pytest.mark.parametrize("count", [21, -1, "3"])
def test_alternatives_are_so_many_or_refused(server: Running, count: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="top_logprobs"):
        ask(server, logprobs=True, top_logprobs=count)
    assert ask(server, logprobs=True, top_logprobs=20).choices


def test_stop_ends_the_text(server: Running) -> None:
    (choice,) = ask(server, stop=["y", "x"]).choices
    assert (choice.message.content, choice.finish_reason) == ("<image>Where, ", "stop")
