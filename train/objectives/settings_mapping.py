"""The mapping of an objective's settings under its key of a recipe."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypeVar

from grounding.recipe.schema import suggestion

Settings = TypeVar("Settings")


def settings_of_mapping(key: str, schema: type[Settings], given: Any, example: str) -> Settings:
    """Read a mapping into a dataclass whose fields all have defaults; lists of two numbers become pairs.

    Raises:
        ValueError: no mapping, an unknown key, a wrong type, or a value that the dataclass refuses.
    """
    if not isinstance(given, Mapping):
        raise ValueError(f"{key}: {given!r} is no mapping: write {example}")
    known = asdict(schema())  # type: ignore[call-overload]
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise ValueError(f"{key}: unknown key '{name}'{suggestion(str(name), known)}")
        values[name] = _pair(f"{key}.{name}", value) if isinstance(known[name], tuple) else value
        wanted = type(known[name])
        is_number = wanted is float and isinstance(value, int) and not isinstance(value, bool)
        if type(values[name]) is not wanted and not is_number:
            raise ValueError(f"{key}.{name}: {value!r} is {type(value).__name__}, must be {wanted.__name__}")
    return schema(**values)


def _pair(name: str, value: Any) -> tuple[float, float]:
    if isinstance(value, list) and [type(each) in (int, float) for each in value] == [True, True]:
        return (float(value[0]), float(value[1]))
    raise ValueError(f"{name}: {value!r} must be two numbers, such as [0.1, 0.9]")
