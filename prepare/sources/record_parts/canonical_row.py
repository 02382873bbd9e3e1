"""Rows of other trainers as rows of messages and images.

Formats: conversations of LLaVA, Qwen-VL-finetune and VLM-R1 (`conversations` with `from` and `value`, and
`image`), LLaMA-Factory's ShareGPT (the same with `images`) and Alpaca rows, ms-swift's old `query` and
`response`.
"""

from typing import Any

_ROLES = {
    **dict.fromkeys(("human", "user"), "user"),
    **dict.fromkeys(("gpt", "assistant", "model", "bot"), "assistant"),
    "system": "system",
}
_MESSAGES, _CONVERSATIONS = "messages", "conversations"


def as_messages(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with `messages` and `images`; rows of no known format are returned as they are."""
    if _MESSAGES in row:
        return row if isinstance(row.get("images"), list) else row | {"images": _images(row)}
    messages = None
    if _CONVERSATIONS in row:
        messages = _conversation(row[_CONVERSATIONS])
    elif "query" in row and "response" in row:
        messages = _question_and_answer(row, "query", "response")
    elif "instruction" in row and "output" in row:
        messages = _question_and_answer(row, "instruction", "output")
    if messages is None:
        return row
    if isinstance(system := row.get("system"), str) and system and messages[0].get("role") != "system":
        messages.insert(0, {"role": "system", "content": system})
    rest: dict[str, Any] = {key: row[key] for key in ("objects", "width", "height") if key in row}
    return {"messages": messages, "images": _images(row), **rest}


def _images(row: dict[str, Any]) -> list[Any]:
    images = row.get("images", row.get("image"))
    if images is None:
        return []
    return images if isinstance(images, list) else [images]


def _conversation(turns: Any) -> list[dict[str, Any]] | None:
    if not isinstance(turns, list) or not turns:
        return None
    messages = []
    for turn in turns:
        if not isinstance(turn, dict):
            return None
        role = turn.get("from", turn.get("role"))
        known = _ROLES.get(role, role) if isinstance(role, str) else role
        messages.append({"role": known, "content": turn.get("value", turn.get("content"))})
    return messages


def _question_and_answer(row: dict[str, Any], question: str, answer: str) -> list[dict[str, Any]]:
    asked = row[question]
    if isinstance(more := row.get("input"), str) and more and isinstance(asked, str):
        asked = f"{asked}\n{more}"
    messages = []
    history = row.get("history")
    for pair in history if isinstance(history, list) else ():
        if isinstance(pair, list) and len(pair) == 2:
            messages += _turns(*pair)
    return [*messages, *_turns(asked, row[answer])]


def _turns(asked: Any, answered: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
