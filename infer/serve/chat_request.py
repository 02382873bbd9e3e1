"""The body of a chat request, checked by pydantic.

Source of the format: the API reference of OpenAI, "Create chat completion". Only what the model was trained
on is accepted: an optional system message, and one user message with one image, inline as a data URL.
Fields that are not known are refused by their name, and null counts as absent.
"""

import base64
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_validator

from grounding.markup import IMAGE_PLACEHOLDER
from infer.serve.replies.answer_fields import AnswerFields, KnownFields, refused


def _decode_data_url(url: object) -> bytes:
    head, _, data = str(url).partition(",")
    if not (head[:5].lower() == "data:" and head[-7:].lower() == ";base64"):
        raise refused("expected the image itself, as data:image/...;base64,...")
    try:
        return base64.b64decode("".join(data.split()), validate=True)  # some break it into lines
    except ValueError as error:
        raise refused(f"not base64: {error}") from error


class TextPart(KnownFields):
    """A text in the user message."""

    type: Literal["text"]
    text: str


class ImageUrl(KnownFields):
    """The bytes of an image file, read from its data URL."""

    url: Annotated[bytes, BeforeValidator(_decode_data_url)] = Field(b"", validate_default=True)
    detail: Literal["auto", "high", "original"] = "auto"


class ImagePart(KnownFields):
    """The image in the user message."""

    type: Literal["image_url"]
    image_url: ImageUrl


class SystemPart(KnownFields):
    """The text of a system message that is written as a list."""

    type: Literal["text"] = "text"
    text: str


class SystemMessage(KnownFields):
    """The system message: a text, or a list with one text."""

    role: Literal["system"]
    name: str = ""
    content: str | Annotated[list[SystemPart], Field(min_length=1, max_length=1)]

    @property
    def text(self) -> str:
        """The text of the message."""
        return self.content if isinstance(self.content, str) else self.content[0].text


class UserMessage(KnownFields):
    """The user message, in parts."""

    role: Literal["user"]
    name: str = ""
    content: list[Annotated[TextPart | ImagePart, Field(discriminator="type")]]

    @field_validator("content")
    @classmethod
    def _check_image(cls, parts: list[TextPart | ImagePart]) -> list[TextPart | ImagePart]:
        images = sum(isinstance(part, ImagePart) for part in parts)
        if images != 1 or any(
            isinstance(part, TextPart) and IMAGE_PLACEHOLDER in part.text for part in parts
        ):
            raise refused(f"expected exactly one image_url, and no text with {IMAGE_PLACEHOLDER}")
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


class ChatRequest(AnswerFields):
    """What a client may set: the fields of the answer, which are checked first, and the question."""

    messages: list[Message]

    @field_validator("messages")
    @classmethod
    def _check_messages(cls, messages: list[Message]) -> list[Message]:
        if [message.role for message in messages] not in (["user"], ["system", "user"]):
            raise refused("expected an optional system message, then one user message")
        return messages

    @property
    def answer_fields(self) -> AnswerFields:
        """The fields of the answer alone, without the image."""
        return AnswerFields.model_construct(**{key: getattr(self, key) for key in AnswerFields.model_fields})

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
    return ": ".join(filter(None, (".".join(map(str, problem["loc"])), problem["msg"])))
