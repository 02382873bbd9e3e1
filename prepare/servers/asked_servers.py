"""The servers of a run: each question is looked up in the log, asked within the budget, and logged."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Protocol

from grounding.errors import UserError
from grounding.remote.chat_client import ChatClient, NoAnswerError, StatusRefusalError
from grounding.remote.completion_body import NotACompletionError, error_text, parse_completion
from prepare.servers.answer_log import SERVER_REFUSES, AnswerLog, LoggedAnswer
from prepare.servers.request_budget import QuestionCharge, RequestBudget

TRIALS = 3
"""Questions that a server may refuse, one after the other, before it has answered any."""

OPENAI_FIELDS = frozenset({"model", "max_tokens", "temperature", "top_p", "seed"})
"""The fields of a question that the client knows; others go into the body as they are."""


class ServerQuestion(Protocol):
    """A question to one of the servers.

    `fields` say how to answer, `about` names the question in messages, and `most_tokens` bounds question and
    answer. Questions with the same `key` are the same question, which is not asked twice.
    """

    @property
    def who(self) -> str:
        """The server that is asked."""
        ...

    @property
    def fields(self) -> Mapping[str, Any]:
        """How to answer."""
        ...

    @property
    def most_tokens(self) -> int:
        """The most tokens of question and answer."""
        ...

    @property
    def about(self) -> str:
        """What the question is about, for messages."""
        ...

    @property
    def key(self) -> str:
        """A hash of all that decides the answer."""
        ...

    def messages(self) -> list[dict[str, Any]]:
        """Return the messages, with the pictures in them."""
        ...


@dataclass(frozen=True)
class AskedServer:
    """A server: how it is reached, and the environment variable that holds its key."""

    client: ChatClient
    key_variable: str


class AskedServers:
    """Asks servers, each by its name; several threads may ask.

    A question that the log has an answer to is not sent. One that stays without an answer after its retries
    is not logged: the next start asks it again. `failures` counts these; more than `most_failures` stop the
    run. Until a server has answered once, it is asked one question at a time: a wrong key costs one request.
    """

    def __init__(
        self, servers: Mapping[str, AskedServer], most_failures: int, log: AnswerLog, budget: RequestBudget
    ) -> None:
        """Take the servers; nothing is sent yet."""
        self.servers, self.most_failures, self.log, self.budget = servers, most_failures, log, budget
        self.failures, self.last_failure = 0, ""
        self.largest_ratio = 1.0
        self._lock, self._first = threading.Lock(), threading.Lock()
        self._tried, self._refused = set(log.known_servers), 0
        self._stopped: UserError | None = None

    def ask(self, question: ServerQuestion) -> LoggedAnswer | None:
        """Return the answer to a question, None if there is none after all retries.

        Raises:
            BudgetSpentError: there is no room for the request.
            UserError: the server does not know the key or the model, answers with the key, or too many
                questions stay without an answer.
        """
        if (known := self.log.answers.get(question.key)) is not None:
            return known
        try:
            if question.who in self._tried:
                return self._ask(question)
            with self._first:
                if question.who not in self._tried:
                    return self._try(question)
            return self._ask(question)
        except UserError as error:
            self._stopped = error
            raise

    def _try(self, question: ServerQuestion) -> LoggedAnswer | None:
        """Ask a server for the first time.

        Raises:
            UserError: it does not answer, or refuses the first TRIALS questions.
        """
        refused = self._refused
        answer = self._ask(question)
        if answer is not None:
            self._tried.add(question.who)
        elif self._refused == refused or self._refused == TRIALS:
            raise UserError(self.last_failure)
        return answer

    def _ask(self, question: ServerQuestion) -> LoggedAnswer | None:
        if self._stopped is not None:
            raise self._stopped  # another thread's: nothing more is sent
        client, key = self.servers[question.who].client, question.key
        most = int(question.most_tokens * self.largest_ratio) + 1
        charge = QuestionCharge(self.budget, most, lambda event: self.log.note(event, key, most))
        tokens: int | None = None
        try:
            body = client.post(question.messages(), _fields(question), question.about, charge)
            found = parse_completion(body)
            client.check_secrets(found.text, question.about)
            if found.prompt_tokens is not None:
                tokens = found.prompt_tokens + (found.answer_tokens or 0)
                self._learn(tokens, question)
        except StatusRefusalError as error:
            return self._refusal(error, question, charge)
        except (NoAnswerError, NotACompletionError) as error:
            said = str(error)
            if isinstance(error, NotACompletionError):
                said = f"{client.server}: no chat completion, {error}: '{client.shown(error_text(body))}'"
            self._fail(said)
            return None
        finally:
            taken = charge.finish(tokens)
        answer = LoggedAnswer(found.text, found.is_cut, found.problem, taken, _now(), question.who)
        self.log.add(key, answer)
        return answer

    def _learn(self, tokens: int, question: ServerQuestion) -> None:
        """Reserve more for the next questions where the server counts more than expected."""
        with self._lock:
            self.largest_ratio = max(self.largest_ratio, tokens / question.most_tokens)

    def _refusal(
        self, error: StatusRefusalError, question: ServerQuestion, charge: QuestionCharge
    ) -> LoggedAnswer | None:
        """Return an answer that says that the server refuses this very question, None if it may mend.

        Raises:
            UserError: it refuses every question.
        """
        if error.status in (401, 403):
            variable = self.servers[question.who].key_variable
            raise UserError(f"{error}: set the environment variable {variable}") from error
        if error.status == 404:
            raise UserError(
                f"{error}: is model '{question.fields['model']}' in the server's list?"
            ) from error
        if error.status >= 500 or error.status in (408, 409, 429):
            tries = self.servers[question.who].client.retries + 1
            self._fail(f"{error}: failed {tries} times, see the server's log")
            return None
        self.last_failure = f"{question.about}: the server refuses the question ({error})"
        if question.who not in self._tried:
            self._refused += 1
            return None  # not logged: it may refuse every question
        answer = LoggedAnswer("", False, SERVER_REFUSES, 0, _now(), question.who)
        self.log.add(question.key, answer)
        return answer

    def _fail(self, said: str) -> None:
        """Count a question without an answer.

        Raises:
            UserError: there are too many.
        """
        with self._lock:
            self.failures, self.last_failure = self.failures + 1, said
            if self.failures >= self.most_failures:
                raise UserError(
                    f"{said}: {self.failures} questions have no answer (most_failures): repeat the command "
                    "when the server works, what was answered is kept"
                )


def _fields(question: ServerQuestion) -> dict[str, object]:
    """Return the fields as the client takes them: those that OpenAI does not have apart."""
    extra = {name: value for name, value in question.fields.items() if name not in OPENAI_FIELDS}
    known = {name: question.fields[name] for name in question.fields.keys() & OPENAI_FIELDS}
    return known | {"extra_body": extra}


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
