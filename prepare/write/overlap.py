"""Reading and working at the same time: the next batches are read while threads work on the last ones."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

from prepare.source_types import Lost

Row = TypeVar("Row")
Result = TypeVar("Result")

BATCHES_AHEAD = 2


def overlap(
    batches: Iterable[list[Row] | Lost], work: Callable[[Row], Result], pool: Executor, workers: int
) -> Iterator[list[tuple[Row, Result]] | Lost]:
    """Yield every batch with its results, and every loss, in order.

    Each thread gets a part of a batch, not one row: passing a row on costs as much as a small image takes.
    """
    ahead: deque[tuple[list[Row], list[Future[list[Result]]]] | Lost] = deque()
    for batch in batches:
        if isinstance(batch, Lost):
            ahead.append(batch)
        else:
            step = max(1, -(-len(batch) // workers))
            parts = [batch[start : start + step] for start in range(0, len(batch), step)]
            ahead.append((batch, [pool.submit(_work_on, part, work) for part in parts]))
        while len(ahead) > BATCHES_AHEAD:
            yield _finish(ahead.popleft())
    while ahead:
        yield _finish(ahead.popleft())


def _work_on(rows: list[Row], work: Callable[[Row], Result]) -> list[Result]:
    return [work(row) for row in rows]


def _finish(item: tuple[list[Row], list[Future[list[Result]]]] | Lost) -> list[tuple[Row, Result]] | Lost:
    if isinstance(item, Lost):
        return item
    rows, futures = item
    results = [result for future in futures for result in future.result()]
    return list(zip(rows, results, strict=True))
