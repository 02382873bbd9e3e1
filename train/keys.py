"""The keys of a train recipe, from PaddleFormers' own dataclasses, and the values that their types accept."""

import dataclasses
import enum
import types
import typing
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from io import StringIO
from typing import Any

from models.libraries import hide_paddlefleet
from train.keep.keep_settings import KEY as KEEP_KEY
from train.objectives.coordinates.coordinate_settings import DEFAULT_TAU, TAU_KEY, WEIGHT_KEY
from train.objectives.joint_head.joint_settings import JOINT_KEY
from train.objectives.near_start.near_start_settings import EWC_KEY, L2_KEY

NONE_TYPE = type(None)


@dataclasses.dataclass(frozen=True)
class Key:
    """A key of a recipe, its type and its default."""

    name: str
    type: Any
    default: Any


OWN_PREFIX = "grounding_"


class Backend(enum.Enum):
    """The classes that a run's model is made of: PaddleFormers' plain Paddle ones, or paddlefleet's."""

    PLAIN = "plain"
    FLEET = "fleet"


class LoraTargets(enum.Enum):
    """The matrices that get an adapter: all that PaddleFormers adapts, or those of attention among them."""

    ALL = "all"
    ATTENTION = "attention"


BACKEND_KEY = "grounding_backend"
LORA_TARGETS_KEY = "grounding_lora_targets"
SUITES_KEY = "grounding_eval_suites"
CACHE_KEY = "grounding_cache"
OWN_KEYS = (
    Key("grounding_eval_samples", int, 0),
    Key(BACKEND_KEY, Backend, Backend.PLAIN.value),
    Key("grounding_grpo", dict | None, None),
    Key(SUITES_KEY, list | None, None),
    Key(WEIGHT_KEY, float, 0.0),
    Key(TAU_KEY, float, DEFAULT_TAU),
    Key(L2_KEY, float, 0.0),
    Key(EWC_KEY, dict | None, None),
    Key(KEEP_KEY, list | None, None),
    Key(LORA_TARGETS_KEY, LoraTargets, LoraTargets.ALL.value),
    Key(JOINT_KEY, bool | dict | None, None),
    Key(CACHE_KEY, str | None, None),
)
"""Keys of this project: the plug-in removes them before PaddleFormers reads the recipe."""


@contextmanager
def quiet_imports() -> Iterator[None]:
    """Suppress what Paddle and its companions print and warn when they are imported; paddlefleet is not."""
    hide_paddlefleet()
    with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        warnings.simplefilter("ignore")
        yield


@cache
def known_keys() -> Mapping[str, Key]:
    """Return every key that `paddleformers-cli train` accepts for supervised fine-tuning, and our own."""
    with quiet_imports():
        from paddleformers.cli.hparams import parser

    keys = {key.name: key for key in OWN_KEYS}
    for arguments in parser._TRAIN_ARGS:
        hints = typing.get_type_hints(arguments)
        for field in dataclasses.fields(arguments):
            default = None if field.default is dataclasses.MISSING else field.default
            keys[field.name] = Key(field.name, hints[field.name], default)
    return keys


def type_problem(key: Key, value: Any) -> str | None:
    """Say what is wrong with a value's type, in words for the recipe's author; None if it is right."""
    arms = _arms(key.type)
    if any(_admits(arm, value) for arm in arms):
        return None
    if isinstance(value, str) and {int, float} & set(arms) and (number := _as_number(value)) is not None:
        example = f"{number:.1e}".replace("e-0", "e-") if float in arms else f"{number:.0f}"
        return f"{key.name}: '{value}' is text to a YAML reader: write {example}"
    choices = next(([member.value for member in arm] for arm in arms if _is_enum(arm)), None)
    if choices:
        hint = ' (YAML reads a bare no as false: write "no")' if value in (False, "false") else ""
        return f"{key.name}: '{value}' is none of {', '.join(map(str, choices))}{hint}"
    names = " or ".join(getattr(arm, "__name__", str(arm)) for arm in arms if arm is not NONE_TYPE)
    return f"{key.name}: {value!r} is {type(value).__name__}, must be {names}"


def takes_words(key: Key) -> bool:
    """Tell whether a key's value is a word, which YAML must not turn into a switch."""
    arms = _arms(key.type)
    return bool not in arms and any(arm is str or _is_enum(arm) for arm in arms)


def _arms(hint: Any) -> list[Any]:
    """Return a union's members, or a list of the type itself."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return list(typing.get_args(hint))
    return [hint]


def _is_enum(arm: Any) -> bool:
    return isinstance(arm, type) and issubclass(arm, enum.Enum)


def _admits(arm: Any, value: Any) -> bool:
    if arm is bool:
        return isinstance(value, bool)
    if arm is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if arm is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if arm is str:  # numbers too: probabilities such as train_dataset_prob: 1.0 are strings to PaddleFormers
        return isinstance(value, str | int | float) and not isinstance(value, bool)
    if _is_enum(arm):
        return value in [member.value for member in arm]
    if arm is NONE_TYPE:
        return value is None
    if arm is Any or dataclasses.is_dataclass(arm):
        return True
    origin = typing.get_origin(arm)
    return isinstance(value, origin or arm)


def _as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
