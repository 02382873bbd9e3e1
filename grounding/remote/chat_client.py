"""A client for any server with OpenAI's chat completions: FastDeploy, vLLM, SGLang, ..."""

import asyncio
import logging
import os
import queue
import re
import weakref
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import httpx2
import openai

from grounding.errors import UserError
from grounding.remote.background_loop import run_in_background, start_in_background
from grounding.remote.bounded_http import HEAR, WATCH, AttemptWatch, BoundedClient, RefusedAnswerError
from grounding.remote.completion_body import is_garbled
from grounding.remote.completion_events import GrowingCompletion, is_whole_stream
from grounding.remote.network_variables import certificate_problem, check_proxies
from grounding.remote.shown_text import holds_secret, public_address, root_cause, shown_text, without_secret

API_KEY_VARIABLE = "OPENAI_API_KEY"
CONNECT_SECONDS = 10.0

SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
"""Seconds before a garbled answer is asked for again: the first time, and at most, as the library's own."""

BODY_BYTES, BODY_BYTES_PER_TOKEN = 4 * 1024**2, 4 * 1024
"""The largest answer: what servers add to each, and a token with its alternatives and their probabilities."""


LISTENING_SECONDS = 0.25
"""While nothing comes of a stream, this often its reader is asked whether he still reads."""


class TellsText(Protocol):
    """Is told the text of an answer while it comes."""

    def begin(self) -> None:
        """The answer begins, for the first time or anew."""
        ...

    def add(self, piece: str) -> None:
        """Take the next characters; "" only learns whether somebody reads."""
        ...


class NoAnswerError(UserError):
    """The server cannot be reached, or does not answer in time."""


class StatusRefusalError(Exception):
    """The server answers with an HTTP error: its status, and its message in one line, without secrets."""

    def __init__(self, server: str, status: int, message: str) -> None:
        super().__init__(f"{server}: HTTP {status}, {message or 'no message'}")
        self.status, self.message = status, message


class ChatClient:
    """Posts questions to a server; several threads may do so at the same time.

    Temporary failures (no connection, no complete answer within `timeout`, HTTP 408, 409, 429 and 500 or
    above, a body that is empty, cut or no JSON) are retried after a pause. The pause doubles each time,
    unless the server says how long to wait.

    The server is not trusted. An answer is bounded in time and size, and what it says is shown in one line,
    without the key.
    """

    def __init__(self, base_url: str, key: str, *, timeout: float, retries: int, max_tokens: int) -> None:
        """Create the client; nothing is sent yet. The longest answer has `max_tokens` tokens.

        Raises:
            UserError: the address cannot be sent to.
        """
        for library in ("httpx", "httpx2", "openai"):  # they log a line for every request
            logging.getLogger(library).setLevel(logging.WARNING)
        self.timeout, self.retries = timeout, retries
        check_proxies()
        try:
            self.server = public_address(base_url)
            self.secrets = (key, *_passwords(base_url))
            self.client = _ReservedClient(
                base_url=base_url,
                api_key=key,
                timeout=openai.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS)),
                max_retries=retries,
                http_client=BoundedClient(timeout, BODY_BYTES + BODY_BYTES_PER_TOKEN * max_tokens),
            )
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

    def post(
        self, messages: Any, fields: Mapping[str, Any], about: Path | str, watch: AttemptWatch | None = None
    ) -> bytes:
        """Ask, and return the body of the first answer that is JSON, else that of the last.

        `fields` has the model's name and how to answer; `about` names the question in messages. `watch` is
        told of every attempt.

        Raises:
            NoAnswerError: no connection, or no complete answer in time.
            StatusRefusalError: an HTTP error, also after the retries.
            UserError: an answer above the limit, a compressed one, or a redirect to another server.
        """
        with self._errors(about):
            return run_in_background(self._post(messages, dict(fields), watch))

    def post_live(
        self, messages: Any, fields: Mapping[str, Any], about: Path | str, told: TellsText
    ) -> bytes:
        """Ask for a stream, tell its text while it comes, and return the body, mostly of events.

        Limits and retries are those of `post`; a stream that was cut is asked for again. `told` is called in
        the calling thread, also with "" while nothing comes; what it raises ends the request. A text that
        holds the key, or may begin to, is not told.

        Raises:
            UserError, StatusRefusalError: as `post`.
        """
        extra = {**fields.get("extra_body", {}), "stream": True}
        arriving: queue.SimpleQueue[bytes | Future[bytes] | None] = queue.SimpleQueue()
        asked = {**fields, "extra_body": extra}
        future = start_in_background(self._post(messages, asked, None, arriving.put, is_whole_stream))
        future.add_done_callback(arriving.put)
        growing, length = GrowingCompletion(), 0
        try:
            while True:
                try:
                    content = arriving.get(timeout=LISTENING_SECONDS)
                except queue.Empty:
                    told.add("")
                    continue
                if content is None:
                    growing, length = GrowingCompletion(), 0
                    told.begin()
                elif isinstance(content, Future):
                    break
                else:
                    growing.feed(content)
                    text = without_secret(growing.text, self.secrets)
                    if piece := text[length:]:
                        length = len(text)
                        told.add(piece)
            with self._errors(about):
                return future.result()
        finally:
            future.cancel()

    @contextmanager
    def _errors(self, about: Path | str) -> Iterator[None]:
        """Turn what the libraries raise in the block into what `post` says."""
        try:
            yield
        except openai.APITimeoutError as error:
            raise NoAnswerError(
                f"{self.server}: no answer about {about} within {self.timeout:g} s: "
                "lower concurrency, or raise timeout"
            ) from error
        except openai.APIConnectionError as error:
            raise NoAnswerError(
                f"{self.server}: no connection ({self.shown(root_cause(error))}): is the server running?"
            ) from error
        except openai.APIStatusError as error:
            body = error.body if isinstance(error.body, dict) else {}
            message = self.shown(str(body.get("message") or error.response.text))
            raise StatusRefusalError(self.server, error.status_code, message) from error
        except RefusedAnswerError as error:
            raise UserError(f"{self.server}: the server {self.shown(str(error))}") from error

    async def _post(
        self,
        messages: Any,
        fields: dict[str, Any],
        watch: AttemptWatch | None,
        hear: Callable[[bytes | None], None] | None = None,
        is_whole: Callable[[bytes], bool] = lambda body: not is_garbled(body),
    ) -> bytes:
        """Return the first body that is whole, else the last."""
        WATCH.set(watch)
        HEAR.set(hear)
        content = await self._post_once(messages, fields)
        for retry in range(self.retries):
            if is_whole(content):
                break
            await asyncio.sleep(min(SHORTEST_PAUSE * 2**retry, LONGEST_PAUSE))
            content = await self._post_once(messages, fields)
        return content

    async def _post_once(self, messages: Any, fields: dict[str, Any]) -> bytes:
        response = await self.client.chat.completions.with_raw_response.create(messages=messages, **fields)
        content: bytes = response.content
        return content

    def shown(self, message: str) -> str:
        """Return a server's message in one line, without secrets."""
        return shown_text(message, self.secrets)

    def check_secrets(self, text: str, about: Path | str) -> None:
        """Check that an answer does not hold the key.

        Raises:
            UserError: it does.
        """
        if holds_secret(text, self.secrets):
            raise UserError(
                f"{self.server}: the answer about {about} holds the key, which no file shall have: "
                "use another server and another key"
            )


class _ReservedClient(openai.AsyncOpenAI):
    """A client that tells a server nothing but the key and the question.

    The library would send OPENAI_ORG_ID, OPENAI_PROJECT_ID and OPENAI_CUSTOM_HEADERS to whatever server
    `base_url` names, and describe this machine to it.
    """

    @property
    def default_headers(self) -> dict[str, str | openai.Omit]:
        """Return the headers of every request; the library adds the key."""
        kind = "application/json"
        return {"Accept": kind, "Content-Type": kind, "User-Agent": self.user_agent}


def _close(client: openai.AsyncOpenAI) -> None:
    start_in_background(client.close())


def key_of_server(variable: str = API_KEY_VARIABLE) -> str:
    """Return the key of the environment, or "none"; its characters must fit into a header.

    Raises:
        UserError: they do not. The HTTP library would show the key in its own message.
    """
    key = os.environ.get(variable) or "none"
    if not re.fullmatch(r"[!-~]+", key):
        raise UserError(
            f"{variable}: the key has blanks, line ends or characters outside ASCII: set it again"
        )
    return key


def _passwords(base_url: str) -> tuple[str, ...]:
    """Return the password in an address, as it is written and as it is meant; () where there is none."""
    password = urlsplit(base_url).password
    return () if password is None else (password, unquote(password))
