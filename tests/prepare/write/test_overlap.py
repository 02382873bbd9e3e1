import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from prepare.source_types import Lost
from prepare.write.overlap import overlap


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_everything_comes_back_in_order(workers: int) -> None:
    lost = Lost("damaged", 3, "here")
    batches = [[1], [2, 3, 4], lost, [5, 6, 7, 8, 9], []]
    with ThreadPoolExecutor(workers) as pool:
        results = list(overlap(batches, lambda row: row * row, pool, workers))
    assert results == [batch if batch is lost else [(row, row * row) for row in batch] for batch in batches]


def test_the_next_batch_is_read_while_the_last_is_worked_on() -> None:
    read, release = [], threading.Event()

    def batches():
        for number in range(4):
            read.append(number)
            if number == 1:
                release.set()  # the work on batch 0 waits for this
            yield [number]

    with ThreadPoolExecutor(1) as pool:
        rows = list(overlap(batches(), lambda row: (row, release.wait(5)), pool, 1))
    assert rows == [[(number, (number, True))] for number in range(4)]


def test_only_a_few_batches_are_in_memory() -> None:
    started = 0

    def batches():
        nonlocal started
        for number in range(20):
            started += 1
            yield [number]

    with ThreadPoolExecutor(2) as pool:
        for done, _ in enumerate(overlap(batches(), lambda row: time.sleep(0), pool, 2), start=1):
            assert started <= done + 2


def test_an_error_of_the_work_comes_through() -> None:
    with ThreadPoolExecutor(2) as pool, pytest.raises(ZeroDivisionError):
        list(overlap([[1, 0]], lambda row: 1 // row, pool, 2))
