"""An engine for any server with OpenAI's chat completions: FastDeploy, vLLM, SGLang, ..."""

import asyncio
import logging
import os
import re
import weakref
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx2
import openai

from grounding.errors import UserError
from grounding.grammar.server_forms import request_fields
from infer.engines.cut_answers import without_repeats
from infer.engines.openai.background_loop import run_in_background, start_in_background
from infer.engines.openai.bounded_http import BoundedClient, RefusedAnswerError
from infer.engines.openai.completion import (
    NotACompletionError,
    error_text,
    is_garbled,
    read_completion,
)
from infer.engines.openai.data_url import data_url
from infer.engines.openai.listed_tokens import NoLogprobsError
from infer.engines.openai.network_variables import certificate_problem, check_proxies
from infer.engines.openai.request_fields import (
    fewer_alternatives,
    fields_of,
    refused_probabilities,
    wanted_alternatives,
    wants_tokens,
)
from infer.engines.openai.shown_text import holds_secret, public_address, root_cause, shown_text
from infer.engines.protocol import RawAnswer, Request, chat_messages
from infer.engines.settings import EngineSettings

log = logging.getLogger(__name__)

API_KEY_VARIABLE = "OPENAI_API_KEY"
CONNECT_SECONDS = 10.0

SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
"""Seconds before a garbled answer is asked for again: the first time, and at most, as the library's own."""

BODY_BYTES, BODY_BYTES_PER_TOKEN = 4 * 1024**2, 4 * 1024
"""The largest answer: what servers add to each, and a token with its alternatives and their probabilities."""


class NoProbabilitiesError(UserError):
    """A server gives no probabilities, or fewer alternatives than it was asked for."""


class OpenAIEngine:
    """A model behind a server; several threads may ask at the same time.

    The key comes from the environment variable OPENAI_API_KEY; a server without a key needs none. Temporary
    failures (no connection, no complete answer within `timeout`, HTTP 408, 409, 429 and 500 or above, a body
    that is empty, cut or no JSON) are retried after a pause. The pause doubles each time, unless the server
    says how long to wait.

    The server is not trusted. An answer is bounded in time and size, its types are checked, and what it says
    is shown in one line, without the key.
    """

    def __init__(self, settings: EngineSettings) -> None:
        """Create the client; nothing is sent yet.

        Raises:
            UserError: the key or the address cannot be sent in a request.
        """
        for library in ("httpx", "httpx2", "openai"):  # they log a line for every request
            logging.getLogger(library).setLevel(logging.WARNING)
        assert settings.base_url is not None  # the settings check both
        assert settings.model is not None
        self.settings, self.model, self.has_warned = settings, settings.model, False
        self.grammar_fields: Mapping[str, Any] = {}
        if settings.grammar != "none":
            labels = settings.answer_labels()
            self.grammar_fields = request_fields(settings.grammar_field, settings.grammar, labels)
        key = _key()
        check_proxies()
        try:
            self.server = public_address(settings.base_url)
            self.secrets = (key, *_passwords(settings.base_url))
            self.client = _client(settings, settings.base_url, key)
        except OSError as error:
            raise UserError(certificate_problem(error)) from error
        except (ValueError, ImportError, httpx2.InvalidURL) as error:
            # The error's own text can hold the address with its password.
            raise UserError(
                "base_url is no address that a request can go to, or a proxy variable (HTTP_PROXY, "
                "HTTPS_PROXY, ALL_PROXY) names none or one by SOCKS: check both"
            ) from error
        # Connections stay open between requests; at the end of the process, the system closes them.
        weakref.finalize(self, _close, self.client).atexit = False

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        """Answer the requests one after the other.

        Raises:
            UserError: the server cannot be reached, refuses the request, or does not answer with a chat
                completion.
        """
        return [self._ask(request) for request in requests]

    def _ask(self, request: Request) -> RawAnswer:
        body = self._body(request)
        try:
            answer = read_completion(
                body,
                with_tokens=wants_tokens(self.settings, request),
                alternatives=wanted_alternatives(self.settings, request),
            )
        except NoLogprobsError as error:
            raise NoProbabilitiesError(f"{self.server}: {error}") from error
        except NotACompletionError as error:
            raise UserError(
                f"{self.server}: the answer about {request.image} is no chat completion, {error}: "
                f"'{self._shown(error_text(body))}': base_url mostly ends in /v1"
            ) from error
        if (fewer := fewer_alternatives(self.settings, request, answer)) and not self.has_warned:
            self.has_warned = True
            log.warning("%s: %s", self.server, fewer)
        if holds_secret(answer.text, self.secrets):
            raise UserError(
                f"{self.server}: the answer about {request.image} holds the key, which no file shall have: "
                "use another server and another key"
            )
        if not self.settings.repeat_stop:
            return answer
        return without_repeats(answer, thinks=self.settings.thinks)

    def _body(self, request: Request) -> bytes:
        """Ask the server, and return the body of its answer."""
        try:
            return run_in_background(self._post(_messages(request), self._fields(request)))
        except openai.APITimeoutError as error:
            raise UserError(
                f"{self.server}: no answer about {request.image} within {self.settings.timeout:g} s: "
                "lower concurrency, or raise timeout"
            ) from error
        except openai.APIConnectionError as error:
            raise UserError(
                f"{self.server}: no connection ({self._shown(root_cause(error))}): is the server running?"
            ) from error
        except openai.APIStatusError as error:
            raise self._refusal(error, request) from error
        except RefusedAnswerError as error:
            raise UserError(f"{self.server}: the server {self._shown(str(error))}") from error

    async def _post(self, messages: Any, fields: dict[str, Any]) -> bytes:
        """Return the body of the first answer that is JSON, else that of the last."""
        content = await self._post_once(messages, fields)
        for retry in range(self.settings.retries):
            if not is_garbled(content):
                break
            await asyncio.sleep(min(SHORTEST_PAUSE * 2**retry, LONGEST_PAUSE))
            content = await self._post_once(messages, fields)
        return content

    async def _post_once(self, messages: Any, fields: dict[str, Any]) -> bytes:
        response = await self.client.chat.completions.with_raw_response.create(
            model=self.model, messages=messages, **fields
        )
        content: bytes = response.content
        return content

    def _shown(self, message: str) -> str:
        return shown_text(message, self.secrets)

    def _fields(self, request: Request) -> dict[str, Any]:
        """Return the fields that say how to answer, with the grammar and the user's own."""
        grammar = {} if request.is_free_form else self.grammar_fields
        extra = {"extra_body": {**grammar, **self.settings.request}}
        return fields_of(self.settings, request) | extra

    def _refusal(self, error: openai.APIStatusError, request: Request) -> UserError:
        """Return an error with what the server said, and what the user can do about it."""
        body = error.body if isinstance(error.body, dict) else {}
        message = self._shown(str(body.get("message") or error.response.text))
        said = f"{self.server}: HTTP {error.status_code}, {message or 'no message'}"
        if error.status_code in (401, 403):
            return UserError(f"{said}: set the environment variable {API_KEY_VARIABLE}")
        if error.status_code == 404:
            return UserError(f"{said}: is model '{self.model}' in the list of {self.server}/models?")
        if error.status_code in (400, 422) and "logprobs" in message and wants_tokens(self.settings, request):
            return NoProbabilitiesError(f"{said}: {refused_probabilities(self.settings, request)}")
        if error.status_code < 500 and error.status_code != 429:
            refusal = f"{request.image}: the server refuses the question ({said})"
            if not self.grammar_fields:
                return UserError(refusal)
            field = next(iter(self.grammar_fields))
            return UserError(
                f"{refusal}: if it takes no grammar in '{field}', set another grammar_field or grammar=none"
            )
        return UserError(f"{said}: failed {self.client.max_retries + 1} times, see the server's log")


class ReservedClient(openai.AsyncOpenAI):
    """A client that tells a server nothing but the key and the question.

    The library would send OPENAI_ORG_ID, OPENAI_PROJECT_ID and OPENAI_CUSTOM_HEADERS to whatever server
    `base_url` names, and describe this machine to it.
    """

    @property
    def default_headers(self) -> dict[str, str | openai.Omit]:
        """Return the headers of every request; the library adds the key."""
        kind = "application/json"
        return {"Accept": kind, "Content-Type": kind, "User-Agent": self.user_agent}


def _client(settings: EngineSettings, base_url: str, key: str) -> openai.AsyncOpenAI:
    most_bytes = BODY_BYTES + BODY_BYTES_PER_TOKEN * settings.max_new_tokens
    return ReservedClient(
        base_url=base_url,
        api_key=key,
        timeout=openai.Timeout(settings.timeout, connect=min(settings.timeout, CONNECT_SECONDS)),
        max_retries=settings.retries,
        http_client=BoundedClient(settings.timeout, most_bytes),
    )


def _close(client: openai.AsyncOpenAI) -> None:
    start_in_background(client.close())


def _key() -> str:
    """Return the key of the environment, or "none"; its characters must fit into a header.

    Raises:
        UserError: they do not. The HTTP library would show the key in its own message.
    """
    key = os.environ.get(API_KEY_VARIABLE) or "none"
    if not re.fullmatch(r"[!-~]+", key):
        raise UserError(
            f"{API_KEY_VARIABLE}: the key has blanks, line ends or characters outside ASCII: set it again"
        )
    return key


def _passwords(base_url: str) -> tuple[str, ...]:
    """Return the password in an address, as it is written and as it is meant; () where there is none."""
    password = urlsplit(base_url).password
    return () if password is None else (password, unquote(password))


def _messages(request: Request) -> Any:
    """Return the chat messages, with the image as a data URL."""
    image = {"type": "image_url", "image_url": {"url": data_url(request.image)}}
    messages = chat_messages(request)
    shown = next(message for message in messages if message["role"] == "user")  # the first has the image
    shown["content"] = [image if part["type"] == "image" else part for part in shown["content"]]
    return messages
