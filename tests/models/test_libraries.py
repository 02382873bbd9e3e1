"""Silencing of libraries, in threads that overlap."""

import logging
import threading
import warnings
from collections.abc import Iterator

import pytest

from models.libraries import quiet


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    filters, disabled = list(warnings.filters), logging.root.manager.disable
    yield
    warnings.filters[:] = filters
    logging.disable(disabled)


def test_messages_come_back_when_the_last_of_overlapping_blocks_ends() -> None:
    filters = list(warnings.filters)
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with quiet():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with quiet():
        thread.start()
        assert entered.wait(10)
    # This thread has left first, and the other is inside: it is still quiet.
    assert logging.root.manager.disable == logging.WARNING
    leave.set()
    thread.join(10)
    assert logging.root.manager.disable == 0
    assert warnings.filters == filters


def test_an_error_inside_ends_the_silence() -> None:
    with pytest.raises(ValueError, match="broken"), quiet(), quiet():
        raise ValueError("broken")
    assert logging.root.manager.disable == 0
