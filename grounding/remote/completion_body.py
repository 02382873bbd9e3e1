"""The body of a chat completion, read and checked: the server is not trusted to send one.

Format: https://platform.openai.com/docs/api-reference/chat/object, of which the first choice and the usage
are used.
"""

import json
from dataclasses import dataclass
from typing import Any

REFUSAL = "refusal"
TOOL_CALL = "call of a tool in place of an answer"
ONLY_THOUGHTS = "thoughts without an answer"
FILTERED = "stopped by the server's content filter"
"""The names of what a server can send in place of an answer."""

THOUGHTS = ("reasoning_content", "reasoning")
"""The keys under which servers give a model's thoughts."""

THOUGHT_PARTS = ("thinking", "reasoning")
"""The types of parts that are thoughts, where the content is a list."""


class NotACompletionError(ValueError):
    """The body is no chat completion; the message names the part that is wrong."""


@dataclass(frozen=True)
class Completion:
    """The first choice of a completion.

    `text` is its content, or the text of a refusal. `problem` names what came in place of an answer.
    `has_thought` tells that the server sends thoughts beside the content. `logprobs` is as the server sends
    it. Numbers of tokens are as the server has counted them, None where it does not say.
    """

    text: str
    is_cut: bool
    problem: str | None
    has_thought: bool
    logprobs: Any
    prompt_tokens: int | None
    answer_tokens: int | None


def parse_completion(body: bytes) -> Completion:
    """Return the first choice of a completion.

    A message without content is an empty answer. What came in its place is the answer's `problem`: a refusal,
    whose text is kept, a call of a tool, thoughts alone, or a filter's stop. Half of a surrogate pair in the
    text becomes "?".

    Raises:
        NotACompletionError: not JSON, or a part has another type than it should.
    """
    content = _parsed(body)
    choice = _first_choice(content)
    message = object_part(choice.get("message"), "choices[0].message")
    text, reason = _text(message.get("content")), choice.get("finish_reason")
    refusal = _refusal(message)
    problem = _problem(message, reason) if not text.strip() else None
    if reason == "content_filter":
        problem = FILTERED
    if refusal:
        problem = REFUSAL
    return Completion(
        text or refusal,
        reason == "length" and not refusal,
        problem,
        # Servers that keep thoughts apart send them beside the content.
        any(isinstance(message.get(key), str) for key in THOUGHTS),
        choice.get("logprobs"),
        _counted_tokens(content, "prompt_tokens"),
        _counted_tokens(content, "completion_tokens"),
    )


def is_garbled(body: bytes) -> bool:
    """Tell whether a body is empty, cut, or no JSON, such as a proxy's page: the next one may be whole."""
    try:
        json.loads(body)
    except RecursionError:
        return False
    except ValueError:
        return True
    return False


def error_text(body: bytes) -> str:
    """Return the message of an error that came with a successful status, else the whole body, as text."""
    text = body.decode("utf-8", "replace")
    try:
        content = object_part(_parsed(body), "it")
    except NotACompletionError:
        return text
    error = content.get("error", content)
    message = error.get("message") if isinstance(error, dict) else error
    return message if isinstance(message, str) else text


def _parsed(body: bytes) -> Any:
    if not body.strip():
        raise NotACompletionError("it is empty")
    return parsed_part(body, "it")


def parsed_part(text: bytes | str, where: str) -> Any:
    """Return a part of an answer that is JSON; `where` names it in messages.

    Raises:
        NotACompletionError: it is not JSON.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise NotACompletionError(f"{where} is nested too deeply") from error
    except ValueError as error:
        raise NotACompletionError(f"{where} is not JSON") from error


def _first_choice(content: Any) -> dict[str, Any]:
    choices = object_part(content, "it").get("choices")
    if not isinstance(choices, list):
        raise NotACompletionError("choices is not a list")
    if not choices:
        raise NotACompletionError("choices is empty")
    return object_part(choices[0], "choices[0]")


def _counted_tokens(content: dict[str, Any], key: str) -> int | None:
    """Return a number of tokens as the server has counted it, None where it does not say."""
    usage = content.get("usage")
    count = usage.get(key) if isinstance(usage, dict) else None
    return count if isinstance(count, int) and not isinstance(count, bool) and count > 0 else None


def _refusal(message: dict[str, Any]) -> str:
    """Return the text of a refusal, "" without one; it is a field of the message or a part of its content."""
    content = message.get("content")
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    texts = [holder.get("refusal") for holder in (message, *parts)]
    return _whole_characters("".join(text for text in texts if isinstance(text, str)))


def _problem(message: dict[str, Any], reason: Any) -> str | None:
    """Name what a message without a text has in its place, None if it has nothing."""
    if message.get("tool_calls") or message.get("function_call") or reason in ("tool_calls", "function_call"):
        return TOOL_CALL
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    kinds = [part.get("type") for part in parts if isinstance(part, dict)]
    has_thoughts = any(message.get(key) for key in THOUGHTS) or any(kind in THOUGHT_PARTS for kind in kinds)
    return ONLY_THOUGHTS if has_thoughts else None


def _text(content: Any) -> str:
    """Return the content as text: a string, nothing, or a list of text parts.

    Parts that are thoughts or a refusal are left out.
    """
    if content is None:
        return ""
    if isinstance(content, str):
        return _whole_characters(content)
    where = "choices[0].message.content"
    if not isinstance(content, list):
        raise NotACompletionError(f"{where} is neither a text nor a list")
    objects = [object_part(part, f"{where}[{number}]") for number, part in enumerate(content)]
    parts = [part.get("text") for part in objects if part.get("type") not in (*THOUGHT_PARTS, "refusal")]
    texts = [text for text in parts if isinstance(text, str)]
    if len(texts) < len(parts):
        raise NotACompletionError(f"{where} has a part without a text")
    return _whole_characters("".join(texts))


def object_part(value: Any, where: str) -> dict[str, Any]:
    """Return a part of an answer that is an object; `where` names it in messages.

    Raises:
        NotACompletionError: it is none.
    """
    if not isinstance(value, dict):
        raise NotACompletionError(f"{where} is not an object")
    return value


def _whole_characters(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
