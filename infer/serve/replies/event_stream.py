"""An answer as a stream of server-sent events, while it is decoded or when it is whole.

Source of the format: the API reference of OpenAI, "The chat completion chunk object".
"""

from collections.abc import Iterator
from typing import Any

from pydantic_core import to_json

from infer.engines.protocol import RawAnswer
from infer.serve.replies.answer_fields import AnswerFields
from infer.serve.replies.choices import boxes_body, completion_head, finish_reason, token_body, usage_body

MEDIA_TYPE = "text/event-stream"


class AnswerEvents:
    """Makes the events of one answer: its start, pieces of its text as far as they are known, and its end.

    Every choice gets the same. A text of `stop` is never sent, nor any characters that may begin one.
    """

    def __init__(self, model: str, fields: AnswerFields) -> None:
        """Begin an answer."""
        self._fields = fields
        self._head = completion_head(model, "chat.completion.chunk")
        if fields.with_usage:
            self._head["usage"] = None
        self._text, self._sent = "", 0

    def start(self) -> Iterator[bytes]:
        """Yield the role."""
        return self._chunks(_chunk({"role": "assistant", "content": "", "refusal": None}))

    def piece(self, text: str) -> Iterator[bytes]:
        """Yield the next characters of the answer that may be sent, if there are any."""
        self._text += text
        stops = self._fields.stop
        places = [place for stop in stops if (place := self._text.find(stop, self._sent)) >= 0]
        begun = max((len(stop) - 1 for stop in stops), default=0)
        end = min(len(self._text) - begun, *places) if places else len(self._text) - begun
        if end > self._sent:
            news, self._sent = self._text[self._sent : end], end
            yield from self._chunks(_chunk({"content": news}))

    def rest(self, answer: RawAnswer) -> Iterator[bytes]:
        """Yield what is left of the answer as the client gets it, its end, usage and [DONE].

        Where nothing was sent of it, there is an event for each token, with its probability if it is wanted.
        """
        assert answer.text.startswith(self._text[: self._sent]), "the answer is not what was sent of it"
        if self._sent or (answer.text and not answer.tokens):
            if left := answer.text[self._sent :]:
                yield from self._chunks(_chunk({"content": left}))
        else:
            for token in answer.tokens:
                logprobs = {"content": [token_body(token)], "refusal": None}
                yield from self._chunks(
                    _chunk({"content": token.text}, logprobs if self._fields.logprobs else None)
                )
        yield from self._chunks({**_chunk(boxes_body(answer)), "finish_reason": finish_reason(answer)})
        if self._fields.with_usage:
            yield _event({**self._head, "choices": [], "usage": usage_body(answer, self._fields)})
        yield b"data: [DONE]\n\n"

    def _chunks(self, choice: dict[str, Any]) -> Iterator[bytes]:
        for number in range(self._fields.n):
            yield _event({**self._head, "choices": [{"index": number, **choice}]})


def error_event(message: str) -> bytes:
    """Return the event that ends a stream in the middle of an answer, as OpenAI's servers send it."""
    return _event({"error": {"message": message, "type": "server_error", "code": None}})


def _chunk(delta: dict[str, Any], logprobs: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"delta": delta, "logprobs": logprobs, "finish_reason": None}


def _event(content: dict[str, Any]) -> bytes:
    return b"data: " + to_json(content) + b"\n\n"
