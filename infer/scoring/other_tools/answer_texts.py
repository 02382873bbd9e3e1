"""The text of a model's answer in a row of another tool, under whatever key the tool puts it.

ms-swift: `response`. LLaMA-Factory: `predict`. vLLM's batches, as OpenAI's: `response.body.choices`.
vLLM offline: `outputs`. transformers' pipelines: `generated_text`. LLaVA: `text`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from grounding.answers.forms import BOX_KEYS

OWN_KEY = "raw"
MODEL_KEYS = (
    *("response", "prediction", "predict", "pred", "output", "outputs", "model_output", "generated_text"),
    *("generation", "completion", "choices"),
)
"""Keys that name what a model wrote."""

UNCERTAIN_KEYS = ("text", "answer")
"""Keys of an answer, or of the question or the truth beside an answer."""

_INNER_KEYS = ("body", "choices", "message", "content", "text", "generated_text", "value")
_MOST_LEVELS = 8


class UnclearAnswerError(ValueError):
    """A row has several answers, or none that is a text."""


@dataclass(frozen=True)
class FoundAnswer:
    """The text of an answer, the key of the row that holds it, and whether it was cut at its longest.

    `failed` says that the tool wrote an error in place of an answer.
    """

    text: str
    key: str
    is_cut: bool = False
    failed: bool = False


def find_answer(row: Mapping[str, Any]) -> FoundAnswer | None:
    """Return the answer in a row; None if no key names one.

    Raises:
        UnclearAnswerError: several keys have different texts, or a value is no text.
    """
    if OWN_KEY in row:
        return _answer(row, OWN_KEY)
    for keys in (MODEL_KEYS, UNCERTAIN_KEYS):
        found = [_answer(row, key) for key in keys if key in row]
        if len({item.text for item in found}) > 1:
            names = " and ".join(f"`{item.key}`" for item in found)
            raise UnclearAnswerError(f"{names} differ: name the model's answer `{OWN_KEY}`")
        if found:
            return found[0]
    return None


def _answer(row: Mapping[str, Any], key: str) -> FoundAnswer:
    value = row[key]
    failed = value is None and bool(row.get("error"))
    if isinstance(value, dict) and value.get("status_code", 200) != 200:
        failed, value = True, None
    return FoundAnswer(_text_in(value, key), key, _is_cut(value), failed)


def _text_in(value: Any, key: str, level: int = 0) -> str:
    """Return the text in a value: itself, that of its inner parts, or boxes as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if level < _MOST_LEVELS:
        if isinstance(value, dict):
            inner = next((name for name in _INNER_KEYS if name in value), None)
            if inner is not None and not any(name in value for name in BOX_KEYS):
                return _text_in(value[inner], key, level + 1)
            if any(name in value for name in BOX_KEYS):
                return json.dumps(value, ensure_ascii=False)
        elif isinstance(value, list):
            return _text_in_list(value, key, level)
    raise UnclearAnswerError(f"`{key}` holds no text of an answer")


def _text_in_list(items: list[Any], key: str, level: int) -> str:
    """Return the text of a list: of one answer, of parts of a message, or of objects with boxes."""
    if all(isinstance(item, dict) and any(name in item for name in BOX_KEYS) for item in items):
        return json.dumps(items, ensure_ascii=False)
    if all(isinstance(item, dict) and item.get("type") == "text" for item in items):
        return "".join(_text_in(item, key, level + 1) for item in items)
    if len(items) == 1:
        return _text_in(items[0], key, level + 1)
    raise UnclearAnswerError(f"`{key}` holds {len(items)} answers: keep one")


def _is_cut(value: Any) -> bool:
    """Tell whether a server's or vLLM's choice ended at the most tokens."""
    for _ in range(_MOST_LEVELS):
        if isinstance(value, list) and value:
            value = value[0]
        elif isinstance(value, dict):
            if value.get("finish_reason") == "length":
                return True
            value = next((value[name] for name in ("body", "choices") if name in value), None)
        else:
            return False
    return False
