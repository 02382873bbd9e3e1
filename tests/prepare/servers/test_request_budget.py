"""The budget by itself, with many threads at a time."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from prepare.servers.request_budget import BudgetSpentError, QuestionCharge, RequestBudget, Spent


def charge(budget: RequestBudget, tokens: int = 10, notes: list[str] | None = None) -> QuestionCharge:
    return QuestionCharge(budget, tokens, (notes if notes is not None else []).append)


def test_an_answer_takes_what_the_server_counted() -> None:
    budget, notes = RequestBudget(5, 100), list[str]()
    item = charge(budget, 60, notes)
    item.begin()
    assert item.finish(7) == 7
    assert (budget.spent, notes) == (Spent(1, 7), ["sent"])


def test_refused_attempts_take_requests_and_unknown_ones_all_tokens() -> None:
    budget, notes = RequestBudget(None, 100), list[str]()
    item = charge(budget, 30, notes)
    item.begin()
    item.refused()
    item.begin()  # refused before: no tokens
    item.begin()  # unknown before: 30 tokens
    assert item.finish(None) == 30
    assert budget.spent == Spent(3, 60)
    assert notes == ["sent", "refused", "sent", "sent"]


def test_a_question_that_was_never_sent_takes_nothing() -> None:
    budget = RequestBudget(1, 100)
    charge(budget, 90).finish(None)
    assert budget.spent == Spent(0, 0)
    budget.reserve(100)


def test_earlier_starts_count() -> None:
    with pytest.raises(BudgetSpentError):
        charge(RequestBudget(5, None, Spent(5, 0)))
    with pytest.raises(BudgetSpentError):
        charge(RequestBudget(None, 100, Spent(1, 91)))
    charge(RequestBudget(None, 100, Spent(1, 90)))


def test_a_retry_needs_room_for_its_tokens() -> None:
    budget = RequestBudget(None, 50)
    item = charge(budget, 30)
    item.begin()
    with pytest.raises(BudgetSpentError):
        item.begin()
    assert item.finish(None) == 0
    assert budget.spent == Spent(1, 30)


def test_a_question_waits_for_room_that_others_have_reserved() -> None:
    budget = RequestBudget(None, 100)
    first = charge(budget, 80)
    first.begin()
    got = threading.Event()

    def second() -> None:
        item = charge(budget, 80)
        item.begin()
        got.set()
        item.finish(5)

    thread = threading.Thread(target=second)
    thread.start()
    assert not got.is_set()
    first.finish(5)
    thread.join(60)
    assert got.is_set()
    assert budget.spent == Spent(2, 10)


@pytest.mark.parametrize(("most_requests", "most_tokens"), [(37, None), (None, 1000), (50, 900)])
def test_many_threads_never_spend_more(most_requests: int | None, most_tokens: int | None) -> None:
    budget = RequestBudget(most_requests, most_tokens)

    def ask(number: int) -> None:
        try:
            item = charge(budget, 40)
        except BudgetSpentError:
            return
        try:
            item.begin()
            if number % 3 == 0:
                item.refused()
                item.begin()
        except BudgetSpentError:
            item.finish(None)
            return
        item.finish(None if number % 5 == 0 else 20)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(ask, range(200)))
    spent = budget.spent
    assert most_requests is None or spent.requests == most_requests or spent.tokens > (most_tokens or 0) - 40
    assert (
        most_tokens is None
        or most_tokens - 40 < spent.tokens <= most_tokens
        or (spent.requests == most_requests)
    )
