"""The body of a chat request, checked by pydantic.

Source of the format: the API reference of OpenAI, "Create chat completion". Only what the model was trained
on is accepted: an optional system message, and one user message with one image, inline as a data URL.
Fields that are not listed here are ignored.
"""

import base64
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    StrictFloat,
    StrictInt,
    ValidationError,
    field_validator,
)
from pydantic_core import PydanticCustomError

from grounding.markup import IMAGE_PLACEHOLDER


def _decode_data_url(url: object) -> bytes:
    head, _, data = str(url).partition(",")
    if not (head.startswith("data:") and head.endswith(";base64")):
        raise _refused("expected the image itself, as data:image/...;base64,...")
    try:
        return base64.b64decode(data, validate=True)
    except ValueError as error:
        raise _refused(f"not base64: {error}") from error


def _refused(message: str) -> PydanticCustomError:
    return PydanticCustomError("refused", "{message}", {"message": message})


class TextPart(BaseModel):
    """A text in the user message."""

    type: Literal["text"]
    text: str


class ImageUrl(BaseModel):
    """The bytes of an image file, read from its data URL."""

    url: Annotated[bytes, BeforeValidator(_decode_data_url)]


class ImagePart(BaseModel):
    """The image in the user message."""

    type: Literal["image_url"]
    image_url: ImageUrl


class SystemPart(BaseModel):
    """The text of a system message that is written as a list."""

    text: str


class SystemMessage(BaseModel):
    """The system message: a text, or a list with one text."""

    role: Literal["system"]
    content: str | Annotated[list[SystemPart], Field(min_length=1, max_length=1)]

    @property
    def text(self) -> str:
        """The text of the message."""
        return self.content if isinstance(self.content, str) else self.content[0].text


class UserMessage(BaseModel):
    """The user message, in parts."""

    role: Literal["user"]
    content: list[Annotated[TextPart | ImagePart, Field(discriminator="type")]]

    @field_validator("content")
    @classmethod
    def _check_image(cls, parts: list[TextPart | ImagePart]) -> list[TextPart | ImagePart]:
        images = sum(isinstance(part, ImagePart) for part in parts)
        if images != 1 or any(
            isinstance(part, TextPart) and IMAGE_PLACEHOLDER in part.text for part in parts
        ):
            raise _refused(f"expected exactly one image_url, and no text with {IMAGE_PLACEHOLDER}")
        return parts

    @property
    def text(self) -> str:
        """The text of the message, with the placeholder where the image belongs."""
        return "".join(
            part.text if isinstance(part, TextPart) else IMAGE_PLACEHOLDER for part in self.content
        )

    @property
    def image(self) -> bytes:
        """The bytes of the image file."""
        return next(part.image_url.url for part in self.content if isinstance(part, ImagePart))


Message = Annotated[SystemMessage | UserMessage, Field(discriminator="role")]
Count = Annotated[StrictInt, Field(ge=1)]


class ChatRequest(BaseModel):
    """What a client may set, in the order in which it is checked."""

    stream: bool | None = None
    max_completion_tokens: Count | None = None
    max_tokens: Count | None = None
    temperature: StrictFloat | None = None
    logprobs: bool | int | None = None
    messages: list[Message]

    @field_validator("stream")
    @classmethod
    def _check_stream(cls, stream: bool | None) -> bool | None:
        if stream:
            raise _refused("this server sends each answer in one piece: leave it out")
        return stream

    @field_validator("temperature")
    @classmethod
    def _check_temperature(cls, temperature: float | None) -> float | None:
        if temperature:
            raise _refused("this server decodes greedily: set it to 0 or leave it out")
        return temperature

    @field_validator("messages")
    @classmethod
    def _check_messages(cls, messages: list[Message]) -> list[Message]:
        if [message.role for message in messages] not in (["user"], ["system", "user"]):
            raise _refused("expected an optional system message, then one user message")
        return messages

    @property
    def max_answer_tokens(self) -> int | None:
        """The longest answer that the client wants, in tokens; `max_tokens` is the field's older name."""
        name = "max_completion_tokens"
        return self.max_completion_tokens if name in self.model_fields_set else self.max_tokens

    @property
    def system(self) -> str:
        """The text of the system message, "" without one."""
        first = self.messages[0]
        return first.text if isinstance(first, SystemMessage) else ""

    @property
    def user(self) -> UserMessage:
        """The user message."""
        last = self.messages[-1]
        assert isinstance(last, UserMessage)
        return last


def first_problem(error: ValidationError) -> str:
    """Return the first of a request's errors in one line: the field, and what is wrong with it."""
    problem = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
