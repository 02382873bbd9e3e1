"""What annotation files say of an object in words: descriptions, captions, and attributes.

Texts are returned as they are stated: `prepare.questions.regions` counts those that cannot be used. What is
no text at all becomes "", which is counted, too.
"""

from collections.abc import Mapping, Sequence
from typing import Any

UNREADABLE = ""
"""Stands for a value that is no text."""


def stated_texts(value: Any) -> tuple[str, ...]:
    """Return the texts under a key: one, or a list of them; none if the key is missing, null or "".

    Tools write "" where the annotator has said nothing.
    """
    if value is None or value == "":
        return ()
    if isinstance(value, (list, tuple)):
        return tuple(
            each if isinstance(each, str) else UNREADABLE for each in value if each not in (None, "")
        )
    return (value if isinstance(value, str) else UNREADABLE,)


def attribute_words(value: Any) -> tuple[str, ...]:
    """Return attributes in words: "parked" for {"parked": true}, "color: red" for {"color": "red"}.

    A list is one of names. What is false, null or empty says nothing of an object, and numbers are left out:
    tools put measures of their own among the attributes, such as the rotation of a box.
    """
    if isinstance(value, Mapping):
        pairs = [(str(name), _value_words(stated)) for name, stated in value.items()]
        return tuple(f"{name}: {words}" if words else name for name, words in pairs if words is not None)
    if isinstance(value, (list, tuple)):
        return tuple(name for name in value if isinstance(name, str) and name.strip())
    return ()


def _value_words(value: Any) -> str | None:
    """Return the words of an attribute's value: "" if it is true, None if it says nothing."""
    if value is True:
        return ""
    names = [value] if isinstance(value, str) else value if isinstance(value, (list, tuple)) else ()
    return ", ".join(name for name in names if isinstance(name, str) and name.strip()) or None


def describe_attributes(label: str | None, words: Sequence[str]) -> tuple[str, ...]:
    """Return the text that names an object with its attributes, "car, color: red, parked"; () without any."""
    return (", ".join([*([label] if label else []), *words]),) if words else ()
