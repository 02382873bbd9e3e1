"""Placeholders of a record replaced by its labels and boxes, as PaddleFormers does before training."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from grounding.markup import BOX_END, BOX_PLACEHOLDER, BOX_START, REF_END, REF_PLACEHOLDER, REF_START


def fill_placeholders(texts: Iterable[str], objects: Mapping[str, Any] | None) -> list[str]:
    """Return the messages' texts as the model is trained on them.

    Labels (`objects["ref"]`) and boxes (`objects["bbox"]`, four numbers each) are used up in order over all
    texts. Placeholders without a counterpart stay as they are. Source: `BaseGroundingPlugin` in
    paddleformers/datasets/template/grounding_plugin.py.

    Raises:
        ValueError, TypeError, AttributeError: `objects` is not of this form.
    """
    given = objects or {}
    labels, boxes = map(_label_text, given.get("ref", ())), map(_box_text, given.get("bbox", ()))
    return [_fill(_fill(text, REF_PLACEHOLDER, labels), BOX_PLACEHOLDER, boxes) for text in texts]


def _fill(text: str, placeholder: str, values: Iterator[str]) -> str:
    first, *pieces = text.split(placeholder)
    return first + "".join(next(values, placeholder) + piece for piece in pieces)


def _label_text(label: Any) -> str:
    if not isinstance(label, str):
        raise TypeError(f"label {label!r} is not a text")
    return f"{REF_START}{label}{REF_END}"


def _box_text(box: Any) -> str:
    x1, y1, x2, y2 = (int(number) for number in box)
    return f"{BOX_START}({x1},{y1}),({x2},{y2}){BOX_END}"
