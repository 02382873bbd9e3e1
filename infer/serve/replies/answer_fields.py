"""The fields of a chat request that say how to answer: each is honoured, or refused by its name.

Source of the format: the API reference of OpenAI, "Create chat completion". Decoding is greedy, so that one
answer is the most likely one: `n` choices are equal, and any `seed` and `top_p` give the same.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

MOST_CHOICES = 16
"""The most choices of an answer: each repeats it, so that many make a small request a huge answer."""

MOST_STOPS, LONGEST_STOP = 16, 1000
"""The most texts that end an answer, and the most characters of each."""

MOST_ALTERNATIVES = 20
"""The most likely tokens that a client can see at each place of an answer."""

NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "frequency_penalty": (0,),
    "function_call": ("none",),
    "functions": ([],),
    "logit_bias": ({},),
    "modalities": (["text"],),
    "presence_penalty": (0,),
    "response_format": ({"type": "text"},),
    "service_tier": ("auto", "default"),
    "skip_special_tokens": (False,),  # of vLLM and SGLang: grounding tokens stay in the text
    "store": (False,),
    "tool_choice": ("none",),
    "tools": ([],),
}
"""The values that ask for nothing beyond what this server does, of fields that it does not have."""

LABELS = ("model", "user")
"""The model was found by its name already; `user` names the asker, and changes no answer."""


def refused(message: str) -> PydanticCustomError:
    """Return an error of pydantic with this message."""
    return PydanticCustomError("refused", "{message}", {"message": message})


class KnownFields(BaseModel):
    """An object without fields that the server does not know; null counts as absent."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, given: Any) -> Any:
        return (
            {key: value for key, value in given.items() if value is not None} if _is_object(given) else given
        )


class StreamOptions(KnownFields):
    """What a stream contains beside the answer."""

    include_usage: StrictBool = False
    include_obfuscation: Literal[False] = False


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Count = Annotated[StrictInt, Field(ge=1)]
StopText = Annotated[StrictStr, Field(min_length=1, max_length=LONGEST_STOP)]


class AnswerFields(KnownFields):
    """How the client wants to be answered, in the order in which it is checked."""

    stream: StrictBool = False
    stream_options: StreamOptions | None = None
    max_completion_tokens: Count | None = None
    max_tokens: Count | None = None
    temperature: StrictFloat = 0.0
    top_p: Annotated[StrictFloat, Field(gt=0, le=1)] = 1.0
    seed: StrictInt | None = None
    n: Annotated[StrictInt, Field(ge=1, le=MOST_CHOICES)] = 1
    stop: Annotated[list[StopText], Field(max_length=MOST_STOPS), BeforeValidator(_as_list)] = []
    logprobs: bool | int = False
    top_logprobs: Annotated[StrictInt, Field(ge=0, le=MOST_ALTERNATIVES)] = 0

    @model_validator(mode="before")
    @classmethod
    def _check_names(cls, given: Any) -> Any:
        """Leave out what asks for nothing, and refuse what is not known, by its name."""
        if not _is_object(given):
            return given
        kept = {key: value for key, value in given.items() if not _asks_for_nothing(key, value)}
        if unknown := _unknown(kept, cls.model_fields):
            raise refused(
                f"{unknown[:60]}: this server does not have this field, or not with this value: leave it out"
            )
        return kept

    @field_validator("temperature")
    @classmethod
    def _check_temperature(cls, temperature: float) -> float:
        if temperature:
            raise refused("this server decodes greedily: set it to 0 or leave it out")
        return temperature

    @model_validator(mode="after")
    def _check_pairs(self) -> "AnswerFields":
        if self.stream_options is not None and not self.stream:
            raise refused("stream_options: has an effect only with stream: leave it out")
        if self.top_logprobs and not self.logprobs:
            raise refused("top_logprobs: has an effect only with logprobs: set logprobs to true")
        return self

    @property
    def max_answer_tokens(self) -> int | None:
        """The longest answer that the client wants, in tokens; `max_tokens` is the field's older name."""
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens

    @property
    def with_usage(self) -> bool:
        """Whether a stream ends with the numbers of tokens; an answer in one piece always has them."""
        return self.stream_options is not None and self.stream_options.include_usage


def _is_object(given: Any) -> bool:
    return isinstance(given, dict)


def _asks_for_nothing(key: str, value: Any) -> bool:
    if value is None or key in LABELS:
        return True
    # In Python, False is 0.
    return any(
        value == neutral and isinstance(value, bool) == isinstance(neutral, bool)
        for neutral in NEUTRAL.get(key, ())
    )


def _unknown(given: Iterable[str], known: Iterable[str]) -> str | None:
    return next((key for key in given if key not in set(known)), None)
