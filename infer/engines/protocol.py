"""What a model is asked and what it answers, whichever framework runs it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from grounding.errors import UserError
from grounding.markup import IMAGE_PLACEHOLDER
from grounding.samples import Span

LEAST_LOGPROB = -9999.0
"""Stands for the logarithm of 0 in chat completions: JSON has no infinity."""


@dataclass(frozen=True)
class Exchange:
    """An earlier turn of a conversation: a user message, and the answer that it was given."""

    question: str
    answer: str


@dataclass(frozen=True)
class Request:
    """One question: the images' files, the system message ("" for none) and the user message.

    A question in words alone has no image. Otherwise, the user messages hold
    `grounding.markup.IMAGE_PLACEHOLDER` where each image belongs, in the order of `images`: the message to be
    answered, and those of its `history`, the turns before it. These are the pictures that the model sees; the
    answer's boxes are `about` so many pictures, None for all of them. Where answers are sampled, `draw`
    numbers the answers to the same question: each number gives another answer. With `alternatives`, tokens
    come with so many of the most likely tokens at their place. An answer has at most `max_tokens` tokens, and
    no more than the engine's own limit. Its tokens are chosen at `temperature`, None for the engine's own.
    `is_free_form` says that the answer is none about objects, such as yes or no: the engine's grammar does
    not apply. The question lists so many `candidates`, which the grammar lets answers name by number.
    """

    images: tuple[Path, ...]
    system: str
    user: str
    draw: int = 0
    alternatives: int = 0
    max_tokens: int | None = None
    temperature: float | None = None
    is_free_form: bool = False
    history: tuple[Exchange, ...] = ()
    candidates: int = 0
    about: int | None = None

    def __post_init__(self) -> None:
        """Check that each image has its place.

        Raises:
            UserError: there are more or fewer places than images.
        """
        places = sum(question.count(IMAGE_PLACEHOLDER) for question in self.questions)
        if places != len(self.images):
            raise UserError(
                f"the user messages have {IMAGE_PLACEHOLDER} {places} times for {len(self.images)} pictures: "
                "each stands for one picture"
            )

    @property
    def picture(self) -> Path:
        """The image's file, of a question about one picture: what is not made for several asks for it.

        Raises:
            UserError: it has none, or several.
        """
        if len(self.images) != 1:
            raise UserError(
                f"a question has {len(self.images)} pictures: what was asked for is made for one picture"
            )
        return self.images[0]

    @property
    def is_about_several(self) -> bool:
        """Whether the boxes of the answer are about several pictures."""
        return self.pictures_asked > 1

    @property
    def pictures_asked(self) -> int:
        """How many pictures the boxes of the answer are about."""
        return len(self.images) if self.about is None else self.about

    @property
    def questions(self) -> tuple[str, ...]:
        """All user messages, the one to be answered last."""
        return (*(exchange.question for exchange in self.history), self.user)


@dataclass(frozen=True)
class Token:
    """A token of an answer as text, and the natural logarithm of its probability.

    A character that takes several tokens is in the text of the last of them; each of the others
    `is_unfinished`: it ends within the character that comes next. A token that a server leaves out of the
    answer, such as <|box_start|>, has no text either, but is finished and has a `content`.
    `alternatives` are the most likely tokens at its place, the likeliest first, with their logarithms.
    `content` is the bytes that the token stands for, None where the engine does not know them.
    """

    text: str
    logprob: float
    is_unfinished: bool = field(default=False, compare=False)  # text and neighbours tell the same
    alternatives: tuple[tuple[str, float], ...] = ()
    content: bytes | None = field(default=None, compare=False)  # as is_unfinished

    @property
    def is_left_out(self) -> bool:
        """Whether the answer does not show the token."""
        return not self.text and not self.is_unfinished and self.content is not None


@dataclass(frozen=True)
class HeadBox:
    """What a box head says about a box of an answer, which is written at `span` of its text.

    `shares` is the corrected box, xyxy as shares of the image's width and height; None where boxes stay as
    they are written. `match` is the probability that the written box matches an object of its label.
    """

    span: Span
    shares: tuple[float, float, float, float] | None
    match: float


@dataclass(frozen=True)
class RawAnswer:
    """A model's text, special tokens included, and whether it was cut at `max_new_tokens`.

    `tokens` together are the text; () where the engine was not asked for probabilities. `in_thought` says
    whether the text begins inside of a thought that the prompt has opened; None where the engine cannot tell.
    `problem` names what came in place of an answer, such as a refusal; `stopped` names why the engine ended
    the answer early, such as a loop (grounding.answers.forms). `prompt_tokens` is the length of the question
    with its image, None where the engine does not know it. `head_boxes` are what a box head says, () without
    one; a box that it could not read is not among them.
    """

    text: str
    is_cut: bool
    tokens: tuple[Token, ...] = ()
    in_thought: bool | None = field(default=None, compare=False)
    problem: str | None = None
    stopped: str | None = None
    prompt_tokens: int | None = field(default=None, compare=False)
    head_boxes: tuple[HeadBox, ...] = ()


class Engine(Protocol):
    """A loaded model."""

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        """Answer the requests as one batch, in their order."""
        ...


@runtime_checkable
class KeepsImages(Protocol):
    """An engine that reads an image once for several questions, and keeps it for those that come later."""

    def forget(self) -> None:
        """Drop what is kept: the last bits of a probability can depend on it."""
        ...


def forget(engine: Engine) -> None:
    """Drop what an engine keeps of earlier requests, if it keeps anything."""
    if isinstance(engine, KeepsImages):
        engine.forget()


def chat_messages(request: Request) -> list[dict[str, Any]]:
    """Return the request as chat messages; each image is a part in place of its placeholder.

    A user message with an image is a list of parts; all others are texts.
    """
    first, *later = (_content(question) for question in request.questions)
    system = [{"role": "system", "content": request.system}] if request.system else []
    messages: list[dict[str, Any]] = [*system, {"role": "user", "content": first}]
    for exchange, question in zip(request.history, later, strict=True):
        messages += [{"role": "assistant", "content": exchange.answer}, {"role": "user", "content": question}]
    return messages


def _content(question: str) -> str | list[dict[str, str]]:
    if IMAGE_PLACEHOLDER not in question:
        return question
    first, *others = ({"type": "text", "text": text} for text in question.split(IMAGE_PLACEHOLDER))
    parts = [first, *(part for text in others for part in ({"type": "image"}, text))]
    return [part for part in parts if part.get("text") != ""]
