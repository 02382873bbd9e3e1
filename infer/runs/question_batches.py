"""Ask the questions of a run, in batches or in threads, and yield the answers as they come."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from itertools import groupby
from typing import Protocol, TypeVar

from infer.asking.dataset_questions import Question
from infer.asking.parsed_answers import ParsedAnswer
from infer.asking.ways import ask_batch
from infer.confidence.calibration import BeingFitted, Calibration
from infer.engines.protocol import Engine, forget
from infer.recipe import InferRecipe

Answer = TypeVar("Answer")


def ask_questions(
    engine: Engine,
    questions: Sequence[Question],
    places: Sequence[int],
    recipe: InferRecipe,
    calibration: Calibration | BeingFitted | None = None,
) -> Iterator[dict[int, ParsedAnswer]]:
    """Ask the questions at these places, and yield answers by place as they come.

    They are asked as `ask_by_place` says.
    """
    return ask_by_place(
        engine,
        lambda batch: ask_batch(engine, [questions[place] for place in batch], recipe, calibration),
        places,
        recipe,
    )


class Batching(Protocol):
    """The settings that say how many questions are asked at a time."""

    @property
    def engine(self) -> str:
        """The name of the engine."""

    @property
    def batch_size(self) -> int:
        """Questions in a batch, for an engine in this process."""

    @property
    def concurrency(self) -> int:
        """Questions asked at a time, for a server."""


def ask_by_place(
    engine: Engine,
    ask: Callable[[Sequence[int]], Sequence[Answer]],
    places: Sequence[int],
    batching: Batching,
) -> Iterator[dict[int, Answer]]:
    """Ask what is at these places, and yield answers by place as they come.

    `ask` answers the questions at some places, in their order. A server makes its own batches: several
    threads ask it, one question each. Otherwise the batches are those of an uninterrupted run, as the last
    bits of a probability depend on the batch, and each begins without what the engine keeps of the batch
    before.
    """
    if batching.engine == "openai":
        yield from ask_in_threads(lambda place: ask([place])[0], places, batching.concurrency)
        return
    for _, group in groupby(places, lambda place: place // batching.batch_size):
        batch = list(group)
        forget(engine)
        yield dict(zip(batch, ask(batch), strict=True))


def ask_in_threads(
    ask: Callable[[int], Answer], places: Sequence[int], concurrency: int
) -> Iterator[dict[int, Answer]]:
    """Ask `concurrency` questions at a time, each by its place, and yield answers by place as they come.

    After an error, no further question is asked; the first error is raised when all that are already asked
    have been answered and yielded.
    """
    pool = ThreadPoolExecutor(concurrency)
    try:
        yield from _answers_of({pool.submit(ask, place): place for place in places})
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _answers_of(futures: "dict[Future[Answer], int]") -> Iterator[dict[int, Answer]]:
    failure: BaseException | None = None
    for future in as_completed(futures):
        if future.cancelled():
            continue
        if error := future.exception():
            failure = failure or error
            for waiting in futures:
                waiting.cancel()
        else:
            yield {futures[future]: future.result()}
    if failure is not None:
        raise failure
