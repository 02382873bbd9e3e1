"""Ask the questions of a run, in batches or in threads, and yield the answers as they come."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from itertools import groupby

from infer.asking.dataset_questions import Question
from infer.asking.parsed_answers import ParsedAnswer
from infer.asking.ways import ask_batch
from infer.confidence.calibration import BeingFitted, Calibration
from infer.engines.protocol import Engine, forget
from infer.recipe import InferRecipe


def ask_questions(
    engine: Engine,
    questions: Sequence[Question],
    places: Sequence[int],
    recipe: InferRecipe,
    calibration: Calibration | BeingFitted | None = None,
) -> Iterator[dict[int, ParsedAnswer]]:
    """Ask the questions at these places, and yield answers by place as they come.

    A server makes its own batches: several threads ask it, one question each. Otherwise the batches are those
    of an uninterrupted run, as the last bits of a probability depend on the batch, and each begins without
    what the engine keeps of the batch before.
    """
    if recipe.engine == "openai":
        yield from _ask_in_threads(engine, questions, places, recipe, calibration)
        return
    for _, group in groupby(places, lambda place: place // recipe.batch_size):
        batch = list(group)
        forget(engine)
        answers = ask_batch(engine, [questions[place] for place in batch], recipe, calibration)
        yield dict(zip(batch, answers, strict=True))


def _ask_in_threads(
    engine: Engine,
    questions: Sequence[Question],
    places: Sequence[int],
    recipe: InferRecipe,
    calibration: Calibration | BeingFitted | None,
) -> Iterator[dict[int, ParsedAnswer]]:
    """Ask `concurrency` questions at a time.

    After an error, no further question is asked; the first error is raised when all that are already asked
    have been answered and yielded.
    """
    pool = ThreadPoolExecutor(recipe.concurrency)
    try:
        futures = {
            pool.submit(ask_batch, engine, [questions[place]], recipe, calibration): place for place in places
        }
        yield from _answers_of(futures)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _answers_of(futures: "dict[Future[list[ParsedAnswer]], int]") -> Iterator[dict[int, ParsedAnswer]]:
    failure: BaseException | None = None
    for future in as_completed(futures):
        if future.cancelled():
            continue
        if error := future.exception():
            failure = failure or error
            for waiting in futures:
                waiting.cancel()
        else:
            yield {futures[future]: future.result()[0]}
    if failure is not None:
        raise failure
