"""Predictions: ask every question of a data set, and go on where a killed run stopped."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import groupby
from pathlib import Path
from typing import Any

from grounding.files import read_json, write_json
from infer.asking.dataset_questions import Question, fingerprint_questions, read_questions
from infer.asking.parsed_answers import ParsedAnswer
from infer.asking.ways import ask_batch
from infer.engines.checkpoint import Checkpoint, find_checkpoint, fingerprint_checkpoint
from infer.engines.protocol import Engine
from infer.recipe import PREDICTIONS_FILE, SCORED_FILES, InferRecipe, check_saved_recipe, save_recipe
from infer.runs.part_file import append_rows, open_part, rows_in, write_in_order

log = logging.getLogger(__name__)

PART_FILE = "predictions.jsonl.part"
FINGERPRINTS_FILE = "fingerprints.json"

EngineLoader = Callable[[InferRecipe, Checkpoint | None], Engine]


def predict(recipe: InferRecipe, load_engine: EngineLoader) -> Path:
    """Write predictions.jsonl, a row a question in the data set's order, and return its path.

    Rows are appended to predictions.jsonl.part as they come, and put in order when the last is there;
    started again, the same recipe asks what has no row yet. Whether the rows at hand belong to this
    checkpoint and these questions is told by their hashes. A shard asks its share, into files of its own:
    `infer.merge` joins them.

    Raises:
        UserError: something is wrong with data set, checkpoint, server or output folder.
    """
    check_saved_recipe(recipe)
    checkpoint = checkpoint_of(recipe)
    questions = read_questions(recipe.dataset_path, recipe.split, recipe.limit)
    fingerprints = {
        "checkpoint": "none" if checkpoint is None else fingerprint_checkpoint(checkpoint),
        "questions": fingerprint_questions(questions),
    }
    number, count = recipe.shard_numbers
    questions = questions[number::count]
    path, part = recipe.file(PREDICTIONS_FILE), recipe.file(PART_FILE)
    fingerprints_path = recipe.file(FINGERPRINTS_FILE)
    if recipe.overwrite or not (fingerprints_path.is_file() and read_json(fingerprints_path) == fingerprints):
        for stale in (path, part, *(recipe.output_path / name for name in SCORED_FILES)):
            stale.unlink(missing_ok=True)
    if path.is_file():
        log.info("%s: complete already, nothing to ask", path)
        return path
    save_recipe(recipe)
    write_json(fingerprints_path, fingerprints)
    with open_part(part) as file:
        rows = rows_in(part, file, len(questions))
        left = [place for place in range(len(questions)) if place not in rows]
        if left:
            from tqdm import tqdm

            engine = load_engine(recipe, checkpoint)
            with tqdm(total=len(questions), initial=len(rows), unit="image", desc="predict") as bar:
                for answers in _ask(engine, questions, left, recipe):
                    new = {
                        place: _line(prediction_row(questions[place], answered))
                        for place, answered in answers.items()
                    }
                    append_rows(file, new)
                    rows |= new
                    bar.update(len(new))
        write_in_order(path, rows)
        part.unlink()
    return path


def prediction_row(question: Question, answered: ParsedAnswer) -> dict[str, Any]:
    """Return the row of one answer: the text as it came, and what was read out of it in original pixels."""
    return {
        "image_id": question.image_id,
        "image": question.image,
        "width": question.size.width,
        "height": question.size.height,
        "question": question.text,
        "raw": answered.raw,
        "detections": [
            {"label": found.label, "box": list(found.box.xyxy), "score": found.score}
            for found in answered.detections
        ],
        "problems": list(answered.problems),
    }


def _line(row: dict[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def checkpoint_of(recipe: InferRecipe) -> Checkpoint | None:
    """Find the model's folder; a server's model can lie out of sight."""
    if recipe.checkpoint is None:
        return None
    base = None if recipe.base_checkpoint is None else Path(recipe.base_checkpoint)
    return find_checkpoint(Path(recipe.checkpoint), base)


def _ask(
    engine: Engine, questions: Sequence[Question], left: Sequence[int], recipe: InferRecipe
) -> Iterator[dict[int, ParsedAnswer]]:
    """Ask the questions at these places, and yield answers by place as they come.

    A server is asked by several threads, a question each: it makes its own batches. Else the batches are
    those of an undisturbed run, as the last bits of a probability depend on the batch.
    """
    if recipe.engine == "openai":
        yield from _ask_in_threads(engine, questions, left, recipe)
        return
    for _, group in groupby(left, lambda place: place // recipe.batch_size):
        places = list(group)
        answers = ask_batch(engine, [questions[place] for place in places], recipe)
        yield dict(zip(places, answers, strict=True))


def _ask_in_threads(
    engine: Engine, questions: Sequence[Question], left: Sequence[int], recipe: InferRecipe
) -> Iterator[dict[int, ParsedAnswer]]:
    """Ask `concurrency` questions at a time; after an error, what is under way is waited for, and kept."""
    pool = ThreadPoolExecutor(recipe.concurrency)
    try:
        futures = {pool.submit(ask_batch, engine, [questions[place]], recipe): place for place in left}
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
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
