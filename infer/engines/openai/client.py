"""An engine for any server with OpenAI's chat completions: FastDeploy, vLLM, SGLang, ..."""

import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from grounding.errors import UserError
from infer.engines.openai.data_url import data_url
from infer.engines.openai.token_alignment import align_tokens
from infer.engines.protocol import RawAnswer, Request, chat_messages
from infer.engines.settings import EngineSettings

if TYPE_CHECKING:
    from openai import APIStatusError
    from openai.types.chat.chat_completion import Choice

API_KEY_VARIABLE = "OPENAI_API_KEY"
CONNECT_SECONDS = 10.0
LONGEST_MESSAGE = 300
"""Characters of a server's error message that are shown."""


class OpenAIEngine:
    """A model behind a server; several threads may ask at the same time.

    The key comes from the environment variable OPENAI_API_KEY; a server without a key needs none. Temporary
    failures (no connection, no answer in time, HTTP 408, 409, 429 and 500 or above) are retried after a
    pause. The pause doubles each time, unless the server says how long to wait.
    """

    def __init__(self, settings: EngineSettings) -> None:
        """Create the client; nothing is sent yet."""
        from openai import OpenAI, Timeout

        for library in ("httpx", "httpx2", "openai"):  # they log a line for every request
            logging.getLogger(library).setLevel(logging.WARNING)
        assert settings.base_url is not None  # the settings check both
        assert settings.model is not None
        self.settings, self.base_url, self.model = settings, settings.base_url, settings.model
        self.client = OpenAI(
            base_url=self.base_url,
            api_key=os.environ.get(API_KEY_VARIABLE) or "none",
            timeout=Timeout(settings.timeout, connect=min(settings.timeout, CONNECT_SECONDS)),
            max_retries=settings.retries,
        )

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        """Answer the requests one after the other.

        Raises:
            UserError: the server cannot be reached, refuses the request, or does not answer with a chat
                completion.
        """
        return [self._ask(request) for request in requests]

    def _ask(self, request: Request) -> RawAnswer:
        import openai

        try:
            completion = self.client.chat.completions.create(
                model=self.model,
                messages=_messages(request),
                extra_body=self.settings.request,
                **self._fields(request),
            )
        except openai.APITimeoutError as error:
            raise UserError(
                f"{self.base_url}: no answer about {request.image} within {self.settings.timeout:g} s: "
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
            raise UserError(f"{self.base_url}: the answer is no chat completion: base_url mostly ends in /v1")
        return self._read(choices[0])

    def _fields(self, request: Request) -> dict[str, Any]:
        """Return the fields that say how to answer; each draw of a sampled answer has its own seed."""
        settings = self.settings
        fields: dict[str, Any] = {"max_tokens": settings.max_new_tokens, "temperature": settings.temperature}
        if settings.is_sampled:
            fields |= {"top_p": settings.top_p, "seed": settings.seed + request.draw}
        if settings.with_tokens:
            fields |= {"logprobs": True}
        return fields

    def _refusal(self, error: "APIStatusError", request: Request) -> str:
        """Return what the server said, and what the user can do about it."""
        body = error.body if isinstance(error.body, dict) else {}
        message = _shortened(str(body.get("message") or error.response.text))
        said = f"{self.base_url}: HTTP {error.status_code}, {message or 'no message'}"
        if error.status_code in (401, 403):
            return f"{said}: set the environment variable {API_KEY_VARIABLE}"
        if error.status_code == 404:
            return f"{said}: is model '{self.model}' in the list of {self.base_url}/models?"
        if error.status_code < 500 and error.status_code != 429:
            return f"{request.image}: the server refuses the question ({said})"
        return f"{said}: failed {self.client.max_retries + 1} times, see the server's log"

    def _read(self, choice: "Choice") -> RawAnswer:
        """Return the answer, with its tokens where scores are made of them."""
        text, is_cut = choice.message.content or "", choice.finish_reason == "length"
        if not self.settings.with_tokens:
            return RawAnswer(text, is_cut)
        if choice.logprobs is None or choice.logprobs.content is None:
            raise UserError(f"{self.base_url}: the server sends no logprobs: set score=none, or turn them on")
        pieces = [
            (piece.token.encode("utf-8", "replace") if piece.bytes is None else bytes(piece.bytes), piece)
            for piece in choice.logprobs.content
        ]
        return RawAnswer(text, is_cut, align_tokens(text, [(part, piece.logprob) for part, piece in pieces]))


def _messages(request: Request) -> Any:
    """Return the chat messages, with the image as a data URL."""
    image = {"type": "image_url", "image_url": {"url": data_url(request.image)}}
    messages = chat_messages(request)
    messages[-1]["content"] = [image if part["type"] == "image" else part for part in messages[-1]["content"]]
    return messages


def _shortened(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= LONGEST_MESSAGE else f"{line[:LONGEST_MESSAGE]}..."
