"""Any server that speaks OpenAI's chat completions: FastDeploy, vLLM, SGLang, transformers serve, ..."""

import base64
import codecs
import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grounding.errors import UserError
from infer.engines.protocol import RawAnswer, Request, Token, chat_messages

if TYPE_CHECKING:
    from openai import APIStatusError
    from openai.types.chat.chat_completion import Choice

API_KEY_VARIABLE = "OPENAI_API_KEY"
CONNECT_SECONDS = 10.0

SIGNATURES = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG": "image/png",
    b"RIFF": "image/webp",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
}
"""How the files of each media type begin."""

_SPECIAL_TOKEN = re.compile(r"<\|[^|]*\|>|</?[a-z_]+>")


class OpenAIEngine:
    """A model behind a server, asked over HTTP; several threads may ask at a time.

    The key comes from the environment variable OPENAI_API_KEY, and servers without a key need none. What
    fails in passing (no connection, no answer in time, HTTP 408, 409, 429 and from 500 on) is sent again,
    after a pause that doubles or that the server names.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        max_new_tokens: int = 2048,
        timeout: float = 600.0,
        retries: int = 6,
        with_tokens: bool = False,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int = 0,
        request: dict[str, Any] | None = None,
    ) -> None:
        """Prepare a client; nothing is sent yet. `request` are further fields of every request."""
        from openai import OpenAI, Timeout

        for library in ("httpx", "httpx2", "openai"):  # a line for every request
            logging.getLogger(library).setLevel(logging.WARNING)
        self.base_url, self.model, self.seconds = base_url, model, timeout
        self.with_tokens, self.seed = with_tokens, seed
        self.fields: dict[str, Any] = {"max_tokens": max_new_tokens, "temperature": temperature}
        self.is_sampled = temperature > 0
        if self.is_sampled:
            self.fields |= {"top_p": top_p}
        if with_tokens:
            self.fields |= {"logprobs": True}
        self.extra_fields = request or {}
        self.client = OpenAI(
            base_url=base_url,
            api_key=os.environ.get(API_KEY_VARIABLE) or "none",
            timeout=Timeout(timeout, connect=min(timeout, CONNECT_SECONDS)),
            max_retries=retries,
        )

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        """Answer the requests one after the other.

        Raises:
            UserError: the server cannot be reached, refuses, or answers with something else.
        """
        return [self._ask(request) for request in requests]

    def _ask(self, request: Request) -> RawAnswer:
        import openai

        fields = {**self.fields, "seed": self.seed + request.draw} if self.is_sampled else self.fields
        try:
            completion = self.client.chat.completions.create(
                model=self.model,
                messages=_messages(request),
                extra_body=self.extra_fields,
                **fields,
            )
        except openai.APITimeoutError as error:
            raise UserError(
                f"{self.base_url}: no answer about {request.image} within {self.seconds:g} s: "
                "lower concurrency, or raise timeout"
            ) from error
        except openai.APIConnectionError as error:
            raise UserError(
                f"{self.base_url}: no connection ({error.__cause__ or error}): is the server running?"
            ) from error
        except openai.APIStatusError as error:
            raise UserError(self._refusal(error, request)) from error
        choices = getattr(completion, "choices", None)
        if not choices:
            raise UserError(f"{self.base_url}: no chat completion came back: base_url mostly ends in /v1")
        return self._read(choices[0])

    def _refusal(self, error: "APIStatusError", request: Request) -> str:
        body = error.body if isinstance(error.body, dict) else {}
        message = _shorten(str(body.get("message") or error.response.text))
        said = f"{self.base_url}: HTTP {error.status_code}, {message or 'no message'}"
        if error.status_code in (401, 403):
            return f"{said}: set the environment variable {API_KEY_VARIABLE}"
        if error.status_code == 404:
            return f"{said}: is model '{self.model}' in the list of {self.base_url}/models?"
        if error.status_code < 500 and error.status_code != 429:
            return f"{request.image}: the server refuses the question ({said})"
        return f"{said}: still so after {self.client.max_retries} more attempts, see the server's log"

    def _read(self, choice: "Choice") -> RawAnswer:
        text, is_cut = choice.message.content or "", choice.finish_reason == "length"
        if not self.with_tokens:
            return RawAnswer(text, is_cut)
        if choice.logprobs is None or choice.logprobs.content is None:
            raise UserError(f"{self.base_url}: the server gives no logprobs: set score=none, or start it so")
        pieces = [
            (piece.token.encode("utf-8", "replace") if piece.bytes is None else bytes(piece.bytes), piece)
            for piece in choice.logprobs.content
        ]
        return RawAnswer(text, is_cut, align_tokens(text, [(part, piece.logprob) for part, piece in pieces]))


def align_tokens(text: str, pieces: Sequence[tuple[bytes, float]]) -> tuple[Token, ...]:
    """Return the tokens that make up the text, of which each piece is the bytes and a log-probability.

    Servers list special tokens that their text leaves out: those are left out here. The bytes of one
    character can be several tokens: the character goes to the last of them. Pieces that do not make up the
    text give no tokens at all.
    """
    content = text.encode("utf-8", "replace")
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    tokens: list[Token] = []
    position = 0
    for piece, logprob in pieces:
        if piece and content.startswith(piece, position):
            tokens.append(Token(decoder.decode(piece), logprob))
            position += len(piece)
        elif piece and not _SPECIAL_TOKEN.fullmatch(piece.decode("utf-8", "replace")):
            return ()
    return tuple(tokens) if position == len(content) else ()


def _messages(request: Request) -> Any:
    """Return the chat messages with the image inline, its file's bytes as they are."""
    image = {"type": "image_url", "image_url": {"url": data_url(request.image)}}
    messages = chat_messages(request)
    messages[-1]["content"] = [image if part["type"] == "image" else part for part in messages[-1]["content"]]
    return messages


def data_url(image: Path) -> str:
    """Return an image file as a URL that holds it.

    Raises:
        UserError: the file cannot be read, or is no image of a known type.
    """
    try:
        content = image.read_bytes()
    except OSError as error:
        raise UserError(f"{image}: cannot be read: {error.strerror or error}") from error
    for signature, media_type in SIGNATURES.items():
        if content.startswith(signature):
            return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"
    raise UserError(f"{image}: none of {', '.join(SIGNATURES.values())}: prepare the data set again")


def _shorten(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= 300 else f"{line[:300]}..."
