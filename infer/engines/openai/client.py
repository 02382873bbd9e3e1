"""An engine for any server with OpenAI's chat completions: FastDeploy, vLLM, SGLang, ..."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.grammar.server_forms import request_fields
from grounding.remote.chat_client import API_KEY_VARIABLE, ChatClient, StatusRefusalError, key_of_server
from grounding.remote.completion_body import NotACompletionError, error_text
from grounding.remote.completion_events import joined_completion
from grounding.remote.data_url import data_url
from infer.engines.cut_answers import without_repeats
from infer.engines.live_answers import NOBODY_LISTENS, Listener, NobodyListensError, ToldOnce
from infer.engines.openai.completion import read_completion
from infer.engines.openai.listed_tokens import NoLogprobsError
from infer.engines.openai.request_fields import (
    fewer_alternatives,
    fields_of,
    refused_probabilities,
    wanted_alternatives,
    wants_tokens,
)
from infer.engines.protocol import RawAnswer, Request, chat_messages
from infer.engines.settings import EngineSettings, check_candidates

log = logging.getLogger(__name__)

_SHOWN = 60


class NoProbabilitiesError(UserError):
    """A server gives no probabilities, or fewer alternatives than it was asked for."""


class OpenAIEngine:
    """A model behind a server (`ChatClient`); several threads may ask at the same time.

    The key comes from the environment variable OPENAI_API_KEY; a server without a key needs none.
    """

    def __init__(self, settings: EngineSettings) -> None:
        """Create the client; nothing is sent yet.

        Raises:
            UserError: the key or the address cannot be sent in a request.
        """
        assert settings.base_url is not None  # the settings check both
        assert settings.model is not None
        self.settings, self.model, self.has_warned = settings, settings.model, False
        self.labels = settings.answer_labels()
        self.grammar_fields = self._grammar_of(0)
        self.chat = ChatClient(
            settings.base_url,
            key_of_server(),
            timeout=settings.timeout,
            retries=settings.retries,
            max_tokens=settings.max_new_tokens,
        )
        self.server = self.chat.server

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        """Answer the requests one after the other.

        Raises:
            UserError: the server cannot be reached, refuses the request, or does not answer with a chat
                completion.
        """
        return [self._ask(request) for request in requests]

    def answer_live(
        self, requests: Sequence[Request], listeners: Sequence[Listener | None]
    ) -> list[RawAnswer]:
        """Answer the requests one after the other, and tell each listener the text as the server sends it.

        Raises:
            UserError: as `answer`; and what a listener raises, but NobodyListensError ends its answer alone.
        """
        return [
            self._ask(request) if listener is None else self._ask_live(request, ToldOnce(listener))
            for request, listener in zip(requests, listeners, strict=True)
        ]

    def _ask_live(self, request: Request, told: ToldOnce) -> RawAnswer:
        try:
            return self._ask(request, told)
        except NobodyListensError:
            return RawAnswer(told.text, is_cut=False, stopped=NOBODY_LISTENS)

    def _ask(self, request: Request, told: ToldOnce | None = None) -> RawAnswer:
        body = self._body(request, told)
        try:
            if told is not None:
                body = joined_completion(body)
            answer = read_completion(
                body,
                with_tokens=wants_tokens(self.settings, request),
                alternatives=wanted_alternatives(self.settings, request),
            )
        except NoLogprobsError as error:
            raise NoProbabilitiesError(f"{self.server}: {error}") from error
        except NotACompletionError as error:
            raise UserError(
                f"{self.server}: the answer about {_about(request)} is no chat completion, {error}: "
                f"'{self.chat.shown(error_text(body))}': base_url mostly ends in /v1"
            ) from error
        if (fewer := fewer_alternatives(self.settings, request, answer)) and not self.has_warned:
            self.has_warned = True
            log.warning("%s: %s", self.server, fewer)
        self.chat.check_secrets(answer.text, _about(request))
        if not self.settings.repeat_stop:
            return answer
        return without_repeats(answer, thinks=self.settings.thinks, about_several=request.is_about_several)

    def _body(self, request: Request, told: ToldOnce | None) -> bytes:
        """Ask the server, and return the body of its answer; of a stream, if somebody hears it."""
        fields = {"model": self.model, **self._fields(request)}
        try:
            if told is not None:
                return self.chat.post_live(_messages(request), fields, _about(request), told)
            return self.chat.post(_messages(request), fields, _about(request))
        except StatusRefusalError as error:
            raise self._refusal(error, request) from error

    def _fields(self, request: Request) -> dict[str, Any]:
        """Return the fields that say how to answer, with the grammar and the user's own."""
        grammar = self.grammar_fields
        if request.is_free_form:
            grammar = {}
        elif request.candidates or request.is_about_several:
            grammar = self._grammar_of(request.candidates, max(1, request.pictures_asked))
        extra = {"extra_body": {**grammar, **self.settings.request}}
        return fields_of(self.settings, request) | extra

    def _grammar_of(self, candidates: int, pictures: int = 1) -> Mapping[str, Any]:
        """Return the fields with the grammar of questions with so many candidates, or pictures."""
        settings = self.settings
        if settings.grammar == "none":
            return {}
        check_candidates(candidates, pictures, has_descriptions=settings.grammar_descriptions)
        return request_fields(
            settings.grammar_field,
            settings.grammar,
            self.labels,
            descriptions=settings.grammar_descriptions,
            pictures=pictures,
            candidates=candidates,
        )

    def _refusal(self, error: StatusRefusalError, request: Request) -> UserError:
        """Return an error with what the server said, and what the user can do about it."""
        if error.status in (401, 403):
            return UserError(f"{error}: set the environment variable {API_KEY_VARIABLE}")
        if error.status == 404:
            return UserError(f"{error}: is model '{self.model}' in the list of {self.server}/models?")
        if (
            error.status in (400, 422)
            and "logprobs" in error.message
            and wants_tokens(self.settings, request)
        ):
            return NoProbabilitiesError(f"{error}: {refused_probabilities(self.settings, request)}")
        if error.status < 500 and error.status != 429:
            refusal = f"{_about(request)}: the server refuses the question ({error})"
            if not self.grammar_fields:
                return UserError(refusal)
            field = next(iter(self.grammar_fields))
            return UserError(
                f"{refusal}: if it takes no grammar in '{field}', set another grammar_field or grammar=none"
            )
        return UserError(f"{error}: failed {self.settings.retries + 1} times, see the server's log")


def _about(request: Request) -> Path | str:
    """Return what names a question in messages."""
    return next(iter(request.images), f"'{request.user[:_SHOWN]}'")


def _messages(request: Request) -> Any:
    """Return the chat messages, with each image as a data URL."""
    urls = map(data_url, request.images)
    return [message | {"content": _sent(message["content"], urls)} for message in chat_messages(request)]


def _sent(content: str | list[dict[str, str]], urls: Iterator[str]) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return content
    return [
        {"type": "image_url", "image_url": {"url": next(urls)}} if part["type"] == "image" else part
        for part in content
    ]
