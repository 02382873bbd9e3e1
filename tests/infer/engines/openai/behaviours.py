"""What a broken or hostile server of chat completions may do, and what the engine makes of it."""

import gzip
import json
from dataclasses import dataclass
from typing import Any

from tests.infer.engines.openai.chat_server import Fault

TEXT = "red square(1,2),(30,40)"
ATTEMPTS = 2
"""How often the tests let the engine ask."""


@dataclass(frozen=True)
class Behaviour:
    """A server's reply, and what is expected: an answer's text, or a UserError that matches `error`.

    `attempts` counts the requests; `scored` asks with log-probabilities, of which `tokens` are expected.
    """

    fault: Fault
    text: str | None = None
    error: str = ""
    attempts: int = 1
    scored: bool = False
    tokens: int = 0
    timeout: float = 30.0


def http(body: bytes, status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {size}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode("utf-8") + body


def reply(body: Any, status: str = "200 OK", *headers: str) -> Fault:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Fault(raw=(http(content, status, "Content-Type: application/json", *headers),))


def completion(**choice: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"content": TEXT}, "finish_reason": "stop", **choice}]}


def content(value: Any) -> Fault:
    return reply(completion(message={"role": "assistant", "content": value}))


def garbage(fault: Fault, error: str) -> Behaviour:
    """JSON of another shape is final; what is no JSON may have been cut, and is asked for again."""
    is_retried = error.startswith(("it is empty", "it is not JSON"))
    return Behaviour(fault, error=f"no chat completion, {error}", attempts=ATTEMPTS if is_retried else 1)


def answer(fault: Fault, text: str = TEXT) -> Behaviour:
    return Behaviour(fault, text=text)


def scored(logprobs: Any, tokens: int) -> Behaviour:
    body = json.dumps(completion(logprobs=logprobs)).encode()
    return Behaviour(reply(body), text=TEXT, scored=True, tokens=tokens)


def unscored(logprobs: Any) -> Behaviour:
    return Behaviour(reply(completion(logprobs=logprobs)), error="sends no logprobs", scored=True)


def token(**parts: Any) -> dict[str, Any]:
    return {"content": [{"token": TEXT, "bytes": None, "logprob": -0.5, **parts}]}


def dripped(body: bytes, rest: float = 0.05) -> tuple[bytes, ...]:
    return tuple(body[place : place + 1] for place in range(len(body)))


WHOLE = http(json.dumps(completion()).encode())
LATE = "no answer about .* within 0.5 s"

BODIES = {
    "empty": garbage(reply(b""), "it is empty"),
    "blank": garbage(reply(b" \n "), "it is empty"),
    "no content": garbage(Fault(raw=(b"HTTP/1.1 204 No Content\r\n\r\n",)), "it is empty"),
    "html": garbage(reply(b"<html><h1>Log in</h1></html>"), "it is not JSON: '<html><h1>Log in"),
    "bytes": garbage(reply(bytes(range(256)) * 20), "it is not JSON"),
    "half a JSON": garbage(reply(json.dumps(completion()).encode()[:-4]), "it is not JSON"),
    "server-sent events": garbage(reply(b'data: {"choices": []}\n\ndata: [DONE]\n'), "it is not JSON"),
    "escape codes": garbage(reply("\x1b[2J\x1b]0;t\x07 \u202e".encode()), r"it is not JSON: '\\x1b\[2J"),
    "deep JSON": garbage(reply(b"[" * 200_000), "it is nested too deeply"),
    "long integer": garbage(reply(b'{"choices": ' + b"1" * 6000 + b"}"), "it is not JSON"),
    "null": garbage(reply(None), "it is not an object"),
    "number": garbage(reply(5), "it is not an object"),
    "string": garbage(reply("choices"), "it is not an object"),
    "list": garbage(reply([completion()]), "it is not an object"),
    "error with status 200": garbage(
        reply({"error": {"message": "out of memory"}}), "choices is not a list: 'out of memory'"
    ),
    "error as text": garbage(reply({"error": "no such model"}), "choices is not a list: 'no such model'"),
    "no choices": garbage(reply({}), "choices is not a list"),
    "null choices": garbage(reply({"choices": None}), "choices is not a list"),
    "empty choices": garbage(reply({"choices": []}), "choices is empty"),
    "choices are an object": garbage(reply({"choices": {"0": {}}}), "choices is not a list"),
    "choices are a text": garbage(reply({"choices": "abc"}), "choices is not a list"),
    "null choice": garbage(reply({"choices": [None]}), r"choices\[0\] is not an object"),
    "choice is a text": garbage(reply({"choices": ["a"]}), r"choices\[0\] is not an object"),
    "no message": garbage(reply({"choices": [{}]}), r"choices\[0\].message is not an object"),
    "null message": garbage(reply(completion(message=None)), r"choices\[0\].message is not an object"),
    "message is a text": garbage(reply(completion(message=TEXT)), r"choices\[0\].message is not an object"),
    "content is a number": garbage(content(5), r"choices\[0\].message.content is neither a text nor a list"),
    "content is true": garbage(content(True), r"choices\[0\].message.content is neither a text nor a list"),
    "content is an object": garbage(
        content({"text": TEXT}), r"choices\[0\].message.content is neither a text nor a list"
    ),
    "content is a list of numbers": garbage(
        content([1]), r"choices\[0\].message.content\[0\] is not an object"
    ),
    "content is a list of images": garbage(
        content([{"type": "image"}]), r"choices\[0\].message.content has a part without a text"
    ),
    "content is a list of texts": answer(content([{"type": "text", "text": TEXT}])),
    "content is an empty list": answer(content([]), ""),
    "null content": answer(content(None), ""),
    "no content in the message": answer(reply(completion(message={"tool_calls": []})), ""),
    "refusal": answer(reply(completion(message={"content": None, "refusal": "I cannot"})), "I cannot"),
    "refusal as a part": answer(content([{"type": "refusal", "refusal": "I cannot"}]), "I cannot"),
    "refusal is a number": answer(reply(completion(message={"content": TEXT, "refusal": 5}))),
    "tool call": answer(
        reply(completion(message={"content": None, "tool_calls": [{"id": 1}]}, finish_reason="tool_calls")),
        "",
    ),
    "tool calls are a number": answer(reply(completion(message={"content": TEXT, "tool_calls": 5}))),
    "thoughts beside the answer": answer(
        reply(completion(message={"content": TEXT, "reasoning_content": "red(5,5),(6,6)"}))
    ),
    "thoughts alone": answer(reply(completion(message={"content": None, "reasoning_content": "hm"})), ""),
    "thoughts are a list": answer(reply(completion(message={"content": TEXT, "reasoning_content": [1]}))),
    "thoughts as a part": answer(
        content([{"type": "thinking", "thinking": [{}]}, {"type": "text", "text": TEXT}])
    ),
    "stopped by a filter": answer(reply(completion(finish_reason="content_filter"))),
    "half a surrogate pair": answer(content("\ud800red"), "?red"),
    "control characters in the content": answer(content("a\0\x1b[2J"), "a\0\x1b[2J"),
    "finish reason is a list": answer(reply(completion(finish_reason=[]))),
    "unknown fields": answer(reply({**completion(), "usage": "none", "created": [], "model": 1})),
    "byte order mark": answer(reply(b"\xef\xbb\xbf" + json.dumps(completion()).encode())),
    "unknown content type": answer(
        Fault(raw=(http(json.dumps(completion()).encode(), "200 OK", "Content-Type: a/b; charset=hex"),))
    ),
}
"""Bodies of an answer with HTTP status 200, or near it."""

LOGPROBS = {
    "logprobs": scored(token(), 1),
    "logprob is minus infinity": scored(token(logprob=-float("inf")), 1),
    "logprob is NaN": scored(token(logprob=float("nan")), 0),
    "logprob is a text": scored(token(logprob="-0.5"), 0),
    "logprob is true": scored(token(logprob=True), 0),
    "null logprob": scored(token(logprob=None), 0),
    "logprob of 400 digits": scored(token(logprob=-(10**400)), 0),
    "token is a number": scored(token(token=5), 0),
    "token with half a surrogate pair": scored(token(token="\ud800"), 0),
    "bytes are a number": scored(token(bytes=10**9), 0),
    "bytes above 255": scored(token(bytes=[999]), 0),
    "bytes are texts": scored(token(bytes=["a"]), 0),
    "piece is a number": scored({"content": [1]}, 0),
    "pieces of another text": scored(token(token="blue"), 0),
    "top_logprobs that nobody asked for are a number": scored(token(top_logprobs=5), 1),
    "null logprobs": unscored(None),
    "logprobs are a list": unscored([]),
    "logprobs are a text": unscored("none"),
    "null content of logprobs": unscored({"content": None}),
    "content of logprobs is an object": unscored({"content": {}}),
}

CONNECTIONS = {
    "silence": Behaviour(Fault(raw=(b"", b""), rest=1.0), error=LATE, attempts=ATTEMPTS, timeout=0.5),
    "a byte at a time in the status line": Behaviour(
        Fault(raw=dripped(WHOLE), rest=0.05), error=LATE, attempts=ATTEMPTS, timeout=0.5
    ),
    "a byte at a time in the body": Behaviour(
        Fault(raw=(WHOLE[:-20], *dripped(WHOLE[-20:])), rest=0.05), error=LATE, attempts=ATTEMPTS, timeout=0.5
    ),
    "interim responses without end": Behaviour(
        Fault(raw=(b"HTTP/1.1 100 Continue\r\n\r\n",) * 20, rest=0.05),
        error=LATE,
        attempts=ATTEMPTS,
        timeout=0.5,
    ),
    "half a body": Behaviour(
        Fault(raw=(http(b"{", length=100),)), error="no connection .*is the server running", attempts=ATTEMPTS
    ),
    "another protocol": Behaviour(
        Fault(raw=(b"SSH-2.0-OpenSSH_9.6\x1b[2J\r\n" * 60,)), error="no connection", attempts=ATTEMPTS
    ),
    "endless headers": Behaviour(
        Fault(raw=(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 50_000,)), error="no connection", attempts=ATTEMPTS
    ),
    "large answer": Behaviour(
        Fault(raw=(http(b" " * 5_000_000),)), error="sends an answer of more than 4.* bytes: raise max_new"
    ),
    "compressed answer": Behaviour(
        reply(gzip.compress(b" " * 10**6), "200 OK", "Content-Encoding: gzip"),
        error=r"sends a compressed answer \(gzip\)",
    ),
    "switched protocols": Behaviour(
        reply(b"", "101 Switching Protocols", "Upgrade: websocket"), error="no connection", attempts=ATTEMPTS
    ),
}

STATUSES = {
    "long error": Behaviour(
        reply({"error": {"message": "x" * 10**5}}, "400 Bad Request"),
        error=r"refuses the question .*400, x{300}\.\.\.",
    ),
    "error with control characters": Behaviour(
        reply({"error": {"message": "\x1b[31mno\r\n\x07"}}, "422 No"), error=r"HTTP 422, \\x1b\[31mno \\x07"
    ),
    "error with a list as message": Behaviour(
        reply({"error": {"message": [1]}}, "400 Bad Request"), error=r"HTTP 400, \[1\]"
    ),
    "error that is a list": Behaviour(reply([1], "400 Bad Request"), error=r"HTTP 400, \[1\]"),
    "error in an unknown encoding": Behaviour(
        Fault(raw=(http(b"no", "400 Bad Request", "Content-Type: text/html; charset=hex"),)),
        error="HTTP 400, no",
    ),
    "compressed error": Behaviour(
        reply(b"\x1f\x8b\0", "400 Bad", "Content-Encoding: gzip"), error="HTTP 400, no message"
    ),
    "error without a body": Behaviour(reply(b"", "403 Forbidden"), error="HTTP 403, no message: set the"),
    "error of one token": Behaviour(reply({"error": {"code": []}}, "500 No"), error="HTTP 500", attempts=2),
    "unknown status": Behaviour(reply(b"?", "999 ?"), error=r"HTTP 999, \?: failed 2 times", attempts=2),
    "not modified": Behaviour(Fault(raw=(b"HTTP/1.1 304 Not Modified\r\n\r\n",)), error="HTTP 304"),
    "retry after a wrong date": Behaviour(
        reply(b"busy", "503 Busy", "Retry-After: Fri, 31 Dec 99999 23:59:59 GMT"),
        error="503, busy",
        attempts=2,
    ),
    "retry after the end of time": Behaviour(
        reply(b"busy", "429 Busy", "Retry-After: 1e300"), error="HTTP 429"
    ),
    "told to retry forever": Behaviour(
        reply(b"no", "400 Bad Request", "X-Should-Retry: true"), error="HTTP 400, no", attempts=2
    ),
    "redirect to itself": Behaviour(
        reply(b"", "307 There", "Location: /v1/chat/completions"), error="redirects more than 5", attempts=6
    ),
    "redirect to another scheme": Behaviour(
        reply(b"", "307 There", "Location: file:///etc/hostname"), error="redirects to file://"
    ),
    "redirect without a place": Behaviour(reply(b"", "307 There"), error="HTTP 307"),
    "redirect to a broken place": Behaviour(
        reply(b"", "307 There", "Location: http://[::1"), error="HTTP 307"
    ),
}

BEHAVIOURS = {**BODIES, **LOGPROBS, **CONNECTIONS, **STATUSES}
