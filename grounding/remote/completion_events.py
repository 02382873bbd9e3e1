"""A chat completion that comes as server-sent events: its text while it grows, and its body when it is whole.

Formats: https://html.spec.whatwg.org/multipage/server-sent-events.html, of which lines end with LF or CR LF,
and https://platform.openai.com/docs/api-reference/chat-streaming, of which the first choice is used.
"""

import json
from collections.abc import Iterator
from typing import Any

from grounding.remote.completion_body import (
    THOUGHTS,
    NotACompletionError,
    is_garbled,
    object_part,
    parsed_part,
)

_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")
_DONE = "[DONE]"
_TEXTS = ("content", "refusal", *THOUGHTS)


class GrowingCompletion:
    """Reads the text of an answer from the bytes of its events, as they arrive."""

    def __init__(self) -> None:
        """Nothing has arrived."""
        self._unread = b""
        self._pieces: list[str] = []

    def feed(self, content: bytes) -> None:
        """Take the next bytes; what is no event of a completion is left to `joined_completion`."""
        *lines, self._unread = (self._unread + content).split(b"\n")
        self._pieces += map(_content, _data(lines))

    @property
    def text(self) -> str:
        """The text so far: whole characters."""
        self._pieces = ["".join(self._pieces)]
        # Half of a surrogate pair waits for the other half.
        return self._pieces[0].encode("utf-16", "surrogatepass").decode("utf-16", "ignore")


def is_whole_stream(body: bytes) -> bool:
    """Tell whether a stream has come to its end; of a body that is none, whether it is JSON."""
    if not _is_stream(body):
        return not is_garbled(body)
    return any(data == _DONE or _ends(data) for data in _data(body.split(b"\n")))


def joined_completion(body: bytes) -> bytes:
    """Return the events of a stream as the body of a completion in one piece; other bodies as they are.

    An error that is sent in place of an event, or after some, is returned as it is.

    Raises:
        NotACompletionError: an event is no JSON or has another type than it should, or the last is missing.
    """
    if not _is_stream(body):
        return body
    choice = _JoinedChoice()
    for data in _data(body.split(b"\n")):
        if data == _DONE:
            continue
        event = _parsed(data)
        if "error" in event:
            return json.dumps(event).encode()
        choice.add(event)
    if not is_whole_stream(body):
        raise NotACompletionError("its stream ends before the answer does")
    return json.dumps(choice.as_body()).encode()


class _JoinedChoice:
    """The first choice of a stream, as far as its events were added."""

    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}
        self.tool_calls: list[Any] = []
        self.logprobs: list[Any] | None = None
        self.finish_reason: Any = None
        self.usage: Any = None

    def add(self, event: dict[str, Any]) -> None:
        self.usage = event.get("usage") or self.usage
        for choice in _list(event.get("choices"), "choices of an event"):
            choice = object_part(choice, "a choice of an event")
            if choice.get("index", 0) != 0:
                continue
            self._add_delta(object_part(choice.get("delta") or {}, "a delta of an event"))
            if choice.get("finish_reason") is not None:
                self.finish_reason = choice["finish_reason"]
            if choice.get("logprobs") is not None:
                listed = object_part(choice["logprobs"], "logprobs of an event").get("content")
                self.logprobs = [*(self.logprobs or []), *_list(listed or [], "logprobs of an event")]

    def _add_delta(self, delta: dict[str, Any]) -> None:
        for key in _TEXTS:
            if (piece := delta.get(key)) is None:
                continue
            if not isinstance(piece, str):
                raise NotACompletionError(f"{key} of an event is not a text")
            self.texts.setdefault(key, []).append(piece)
        self.tool_calls += _list(delta.get("tool_calls") or [], "tool_calls of an event")

    def as_body(self) -> dict[str, Any]:
        message: dict[str, Any] = {key: "".join(pieces) for key, pieces in self.texts.items()}
        if self.tool_calls:
            message["tool_calls"] = self.tool_calls
        logprobs = None if self.logprobs is None else {"content": self.logprobs}
        choice = {"message": message, "finish_reason": self.finish_reason, "logprobs": logprobs}
        return {"choices": [choice], "usage": self.usage}


def _is_stream(body: bytes) -> bool:
    return body.lstrip().startswith(_FIELDS)


def _data(lines: list[bytes]) -> Iterator[str]:
    """Yield the data of the events in these lines; servers of completions send it in one line."""
    for line in lines:
        if line.startswith(b"data:"):
            yield line[len(b"data:") :].decode("utf-8", "replace").strip()


def _content(data: str) -> str:
    """Return the text of an event's first choice, "" if it has none."""
    try:
        choices = _parsed(data).get("choices")
        pieces = [choice["delta"].get("content") for choice in choices or () if choice.get("index", 0) == 0]
    except (NotACompletionError, AttributeError, KeyError, TypeError):
        return ""
    return "".join(piece for piece in pieces if isinstance(piece, str))


def _ends(data: str) -> bool:
    """Tell whether an event is the last one of the first choice, or an error."""
    try:
        event = _parsed(data)
        return "error" in event or any(
            choice.get("finish_reason") is not None and choice.get("index", 0) == 0
            for choice in event.get("choices") or ()
        )
    except (NotACompletionError, AttributeError, TypeError):
        return False


def _parsed(data: str) -> dict[str, Any]:
    return object_part(parsed_part(data, "an event"), "an event")


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise NotACompletionError(f"{what} is not a list")
    return value
