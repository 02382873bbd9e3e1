"""The body of a chat request, checked by pydantic.

Source of the format: the API reference of OpenAI, "Create chat completion". Only what the model was trained
on is accepted: an optional system message, and user messages, each but the last with the answer that it was
given. User messages may have images, inline as data URLs.
Fields that are not known are refused by their name, and null counts as absent.
"""

import base64
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_validator

from grounding.markup import IMAGE_PLACEHOLDER
from infer.engines.protocol import Exchange
from infer.serve.replies.answer_fields import AnswerFields, KnownFields, refused

MOST_PARTS = 4096
"""A message has no more texts and images: each takes memory, however short it is."""


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
    """An image in a user message."""

    type: Literal["image_url"]
    image_url: ImageUrl


class OnlyTextPart(KnownFields):
    """The text of a message that is written as a list."""

    type: Literal["text"] = "text"
    text: str


class PlainMessage(KnownFields):
    """A message without an image: a text, or a list with one text."""

    name: str = ""
    content: str | Annotated[list[OnlyTextPart], Field(min_length=1, max_length=1)]

    @property
    def text(self) -> str:
        """The text of the message."""
        return self.content if isinstance(self.content, str) else self.content[0].text


class SystemMessage(PlainMessage):
    """The system message."""

    role: Literal["system"]


class AssistantMessage(PlainMessage):
    """An answer that an earlier user message was given."""

    role: Literal["assistant"]
    refusal: Literal[""] = ""


def _as_parts(content: object) -> object:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


class UserMessage(KnownFields):
    """A user message, in parts or as a text."""

    role: Literal["user"]
    name: str = ""
    content: Annotated[
        list[Annotated[TextPart | ImagePart, Field(discriminator="type")]],
        Field(max_length=MOST_PARTS),
        BeforeValidator(_as_parts),
    ]

    @field_validator("content")
    @classmethod
    def _check_texts(cls, parts: list[TextPart | ImagePart]) -> list[TextPart | ImagePart]:
        if not parts:
            raise refused("expected a text, an image_url, or both")
        if any(isinstance(part, TextPart) and IMAGE_PLACEHOLDER in part.text for part in parts):
            raise refused(f"expected no text with {IMAGE_PLACEHOLDER}")
        return parts

    @property
    def text(self) -> str:
        """The text of the message, with a placeholder where each image belongs."""
        return "".join(
            part.text if isinstance(part, TextPart) else IMAGE_PLACEHOLDER for part in self.content
        )

    @property
    def images(self) -> tuple[bytes, ...]:
        """The bytes of the image files that the message has, in order."""
        return tuple(part.image_url.url for part in self.content if isinstance(part, ImagePart))


Message = Annotated[SystemMessage | UserMessage | AssistantMessage, Field(discriminator="role")]


class ChatRequest(AnswerFields):
    """What a client may set: the fields of the answer, which are checked first, and the question."""

    messages: list[Message]

    @field_validator("messages")
    @classmethod
    def _check_messages(cls, messages: list[Message]) -> list[Message]:
        roles = [message.role for message in messages]
        turns = roles[roles[:1] == ["system"] :]
        if len(turns) % 2 == 0 or turns != (["user", "assistant"] * len(turns))[: len(turns)]:
            raise refused(
                "expected an optional system message, then user messages, each but the last with its answer"
            )
        return messages

    @property
    def answer_fields(self) -> AnswerFields:
        """The fields of the answer alone, without the images."""
        return AnswerFields.model_construct(**{key: getattr(self, key) for key in AnswerFields.model_fields})

    @property
    def system(self) -> str:
        """The text of the system message, "" without one."""
        first = self.messages[0]
        return first.text if isinstance(first, SystemMessage) else ""

    @property
    def images(self) -> tuple[bytes, ...]:
        """The bytes of the image files of all user messages, in order."""
        asked = (message for message in self.messages if isinstance(message, UserMessage))
        return tuple(image for message in asked for image in message.images)

    @property
    def user(self) -> str:
        """The user message to be answered, with the placeholders of its images."""
        return self.messages[-1].text

    @property
    def history(self) -> tuple[Exchange, ...]:
        """The turns before the last user message."""
        turns = [message.text for message in self.messages[:-1] if message.role != "system"]
        return tuple(map(Exchange, turns[::2], turns[1::2]))


def first_problem(error: ValidationError) -> str:
    """Return the first of a request's errors in one line: the field, and what is wrong with it."""
    problem = error.errors(include_url=False, include_input=False)[0]
    return ": ".join(filter(None, (".".join(map(str, problem["loc"])), problem["msg"])))
