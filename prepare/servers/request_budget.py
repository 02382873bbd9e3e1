"""The budget: requests and tokens that may be spent, over all starts of a run."""

import threading
from collections.abc import Callable
from dataclasses import dataclass


class BudgetSpentError(Exception):
    """The budget has no room for another request."""


@dataclass(frozen=True)
class Spent:
    """Requests that were sent, and the tokens of their questions and answers."""

    requests: int = 0
    tokens: int = 0


class RequestBudget:
    """Counts what is spent, and lets no request go out for which no room is left.

    A question reserves the most tokens that it can take; what the server has counted takes their place. An
    attempt whose outcome is unknown (no connection any more, an answer that is cut) counts as if it had taken
    them all; one that the server refuses with an HTTP error takes none. Several threads may ask.
    """

    def __init__(
        self, most_requests: int | None, most_tokens: int | None, spent: Spent | None = None
    ) -> None:
        """Take the limits, None for none, and what earlier starts have spent."""
        self.most_requests, self.most_tokens = most_requests, most_tokens
        before = spent or Spent()
        self._requests, self._tokens, self._reserved = before.requests, before.tokens, 0
        self._changed = threading.Condition()

    @property
    def spent(self) -> Spent:
        """What was spent so far."""
        with self._changed:
            return Spent(self._requests, self._tokens)

    def reserve(self, tokens: int) -> None:
        """Reserve room for a question and its answer; wait while what others have reserved may be freed.

        Raises:
            BudgetSpentError: there is no room, and none will be freed.
        """
        with self._changed:
            while not self._has_room(tokens):
                if not self._reserved or self._is_out_of_requests:
                    raise BudgetSpentError
                self._changed.wait()
            self._reserved += tokens

    def count_request(self) -> None:
        """Count a request that is about to be sent.

        Raises:
            BudgetSpentError: the requests are spent.
        """
        with self._changed:
            if self._is_out_of_requests:
                self._changed.notify_all()
                raise BudgetSpentError
            self._requests += 1

    def settle(self, reserved: int, taken: int) -> None:
        """Put the tokens that were taken in the place of those that were reserved."""
        with self._changed:
            self._reserved -= reserved
            self._tokens += taken
            self._changed.notify_all()

    def spend_again(self, tokens: int) -> None:
        """Count tokens of an attempt without an outcome, and keep the reservation for the next attempt.

        Raises:
            BudgetSpentError: the budget has no room for the next attempt.
        """
        with self._changed:
            self._tokens += tokens
            if self.most_tokens is not None and self._tokens + self._reserved > self.most_tokens:
                raise BudgetSpentError

    @property
    def _is_out_of_requests(self) -> bool:
        return self.most_requests is not None and self._requests >= self.most_requests

    def _has_room(self, tokens: int) -> bool:
        if self._is_out_of_requests:
            return False
        return self.most_tokens is None or self._tokens + self._reserved + tokens <= self.most_tokens


class QuestionCharge:
    """What one question takes of a budget, with all of its attempts; `note` writes each into the log.

    `note` gets "sent" before an attempt, and "refused" after an HTTP error.
    """

    def __init__(self, budget: RequestBudget, most_tokens: int, note: Callable[[str], None]) -> None:
        """Reserve the tokens; wait for room, if there may be some.

        Raises:
            BudgetSpentError: there is none.
        """
        self.budget, self.most_tokens, self.note = budget, most_tokens, note
        self.is_open = False
        budget.reserve(most_tokens)

    def begin(self) -> None:
        """Count an attempt; the one before it, if the server did not refuse it, may have taken all tokens.

        Raises:
            BudgetSpentError: the budget has no room for it.
        """
        if self.is_open:
            self.is_open = False
            self.budget.spend_again(self.most_tokens)
        self.budget.count_request()
        self.note("sent")
        self.is_open = True

    def refused(self) -> None:
        """The server has refused the attempt: it takes no tokens."""
        self.note("refused")
        self.is_open = False

    def finish(self, tokens: int | None) -> int:
        """End the question; return what its last attempt took: `tokens`, all if that is not known."""
        taken = self.most_tokens if tokens is None else tokens
        taken = taken if self.is_open else 0
        self.budget.settle(self.most_tokens, taken)
        self.is_open = False
        return taken
