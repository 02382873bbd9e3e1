"""The body of a request for masks, checked by pydantic; the format is in mask_messages.py."""

import base64
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, StrictBool, model_validator

from grounding.boxes import Box
from infer.engines.segment.segmenter import Click, MaskPrompt
from infer.serve.replies.answer_fields import refused


def _decode_base64(text: object) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except ValueError as error:
        raise refused(f"not base64: {error}") from error


class SentPicture(BaseModel):
    """The bytes of an image file, or the hash of a picture that was sent before."""

    model_config = ConfigDict(extra="forbid")
    png: Annotated[bytes | None, BeforeValidator(_decode_base64)] = None
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None

    @model_validator(mode="after")
    def _check_one(self) -> "SentPicture":
        if (self.png is None) == (self.digest is None):
            raise refused("expected either png or digest")
        return self


class MaskBody(BaseModel):
    """A picture, and which object in it is meant."""

    model_config = ConfigDict(extra="forbid")
    picture: SentPicture
    clicks: list[tuple[FiniteFloat, FiniteFloat, StrictBool]] = []
    box: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat] | None = None

    def prompt(self) -> MaskPrompt:
        """Return the prompt.

        Raises:
            ValueError: neither a positive click nor a box.
        """
        clicks = tuple(Click(*click) for click in self.clicks)
        return MaskPrompt(clicks, None if self.box is None else Box(*self.box))

    @model_validator(mode="before")
    @classmethod
    def _check_type(cls, given: Any) -> Any:
        if not isinstance(given, dict) or "picture" not in given:
            raise refused("expected picture, and clicks or box")
        return given
