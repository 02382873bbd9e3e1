"""An answer as a stream of server-sent events, one for each token.

The answers of a batch are decoded together, and sent when they are whole: a stream has the form that clients
expect, but does not start earlier. In return, whatever is wrong with a request is a status of HTTP.
Source of the format: the API reference of OpenAI, "The chat completion chunk object".
"""

from collections.abc import Iterator
from typing import Any

from pydantic_core import to_json

from infer.engines.protocol import RawAnswer
from infer.serve.replies.answer_fields import AnswerFields
from infer.serve.replies.choices import boxes_body, completion_head, finish_reason, token_body, usage_body

MEDIA_TYPE = "text/event-stream"


def answer_events(model: str, answer: RawAnswer, fields: AnswerFields) -> Iterator[bytes]:
    """Yield the events of an answer: for each choice its role, its tokens and its end; usage; and [DONE]."""
    head = completion_head(model, "chat.completion.chunk")
    if fields.with_usage:
        head["usage"] = None
    for number in range(fields.n):
        for choice in _choice_chunks(answer, fields):
            yield _event({**head, "choices": [{"index": number, **choice}]})
    if fields.with_usage:
        yield _event({**head, "choices": [], "usage": usage_body(answer, fields)})
    yield b"data: [DONE]\n\n"


def _choice_chunks(answer: RawAnswer, fields: AnswerFields) -> Iterator[dict[str, Any]]:
    yield _chunk({"role": "assistant", "content": "", "refusal": None})
    if not answer.tokens and answer.text:
        yield _chunk({"content": answer.text})
    for token in answer.tokens:
        logprobs = {"content": [token_body(token)], "refusal": None} if fields.logprobs else None
        yield _chunk({"content": token.text}, logprobs)
    yield {**_chunk(boxes_body(answer)), "finish_reason": finish_reason(answer)}


def _chunk(delta: dict[str, Any], logprobs: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"delta": delta, "logprobs": logprobs, "finish_reason": None}


def _event(content: dict[str, Any]) -> bytes:
    return b"data: " + to_json(content) + b"\n\n"
