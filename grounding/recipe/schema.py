"""The keys of a recipe: declared in a dataclass, listed, and suggested when mistyped."""

import dataclasses
import difflib
import typing
from collections.abc import Iterable, Iterator
from typing import Any

HELP_WIDTH = 34


def setting(help_text: str, default: Any = dataclasses.MISSING, **nested: Any) -> Any:
    """Declare one key of a recipe: its help, and its default or `default_factory`.

    The recipe or the command line has to set a key without a default.
    """
    if default is dataclasses.MISSING and not nested:
        default = "???"  # OmegaConf's mark of a missing value
    if default is not dataclasses.MISSING:
        nested["default"] = default
    return dataclasses.field(metadata={"help": help_text}, **nested)


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return ", did you mean 'x'?" with the most similar known word, or "" if none is similar."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f", did you mean '{near[0]}'?" if near else ""


def describe_keys(schema: type[Any]) -> Iterator[str]:
    """Yield a line of help for each key: name, default and meaning."""
    for name, field in list_fields(schema):
        left = f"  {name}" + ("" if field.default == "???" else f"={_shown_default(field)}")
        gap = " " * max(2, HELP_WIDTH - len(left))
        yield f"{left}{gap}{field.metadata.get('help', '')}"


def _shown_default(field: "dataclasses.Field[Any]") -> Any:
    if field.default is not dataclasses.MISSING:
        return "null" if field.default is None else field.default
    default = field.default_factory() if field.default_factory is not dataclasses.MISSING else ""
    return f"[{','.join(default)}]" if isinstance(default, list) else default  # as the command line takes it


def list_fields(schema: type[Any], prefix: str = "") -> Iterator[tuple[str, "dataclasses.Field[Any]"]]:
    """Yield every leaf key of a schema with its field; nested dataclasses have dotted keys."""
    types = typing.get_type_hints(schema)
    for field in dataclasses.fields(schema):
        if dataclasses.is_dataclass(types[field.name]):
            yield from list_fields(typing.cast(type[Any], types[field.name]), f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, field


def key_names(schema: type[Any]) -> list[str]:
    """Return the leaf keys of a schema; nested keys are dotted."""
    return [name for name, _ in list_fields(schema)]


def has_key(schema: type[Any], key: str) -> bool:
    """Tell whether `key` is a key of the schema, an open mapping's entry, or a parent of keys."""
    return any(
        name == key or key.startswith(f"{name}.") or name.startswith(f"{key}.") for name in key_names(schema)
    )
