"""Predictions: ask every question of a data set, and go on where a killed run stopped."""

import json
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from grounding.errors import UserError
from grounding.files import read_json, write_json
from infer.asking import ask_batch
from infer.checkpoint import Checkpoint, find_checkpoint, fingerprint_checkpoint
from infer.engine import Engine
from infer.questions import Question, fingerprint_questions, read_questions
from infer.reading import Answered
from infer.recipe import PREDICTIONS_FILE, SCORES_FILE, InferRecipe, check_saved_recipe, save_recipe

log = logging.getLogger(__name__)

PART_FILE = "predictions.jsonl.part"
FINGERPRINTS_FILE = "fingerprints.json"

EngineLoader = Callable[[InferRecipe, Checkpoint], Engine]


def predict(recipe: InferRecipe, load_engine: EngineLoader) -> Path:
    """Write predictions.jsonl, a row a question in the data set's order, and return its path.

    Rows are appended to predictions.jsonl.part, which is renamed when it is complete; started again, the
    same recipe goes on after the last whole batch, so that batches, and bytes, are those of an undisturbed
    run. Whether the rows at hand belong to this checkpoint and these questions is told by their hashes.

    Raises:
        UserError: something is wrong with data set, checkpoint or output folder.
    """
    output = recipe.output_path
    check_saved_recipe(recipe)
    base = None if recipe.base_checkpoint is None else Path(recipe.base_checkpoint)
    checkpoint = find_checkpoint(Path(recipe.checkpoint), base)
    questions = read_questions(recipe.dataset_path, recipe.split, recipe.limit)
    fingerprints = {
        "checkpoint": fingerprint_checkpoint(checkpoint),
        "questions": fingerprint_questions(questions),
    }
    path, part = output / PREDICTIONS_FILE, output / PART_FILE
    if recipe.overwrite or not _were_made_from(fingerprints, output):
        for stale in (path, part, output / SCORES_FILE):
            stale.unlink(missing_ok=True)
    if path.is_file():
        log.info("%s: complete already, nothing to ask", path)
        return path
    save_recipe(recipe)
    write_json(output / FINGERPRINTS_FILE, fingerprints)
    try:
        with part.open("ab") as file:
            done = _keep_whole_batches(part, file, recipe.batch_size, len(questions))
            if done < len(questions):
                _ask(load_engine(recipe, checkpoint), questions, done, recipe, file)
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise UserError(f"{part}: cannot be written: {error.strerror or error}") from error
    return path


def prediction_row(question: Question, answered: Answered) -> dict[str, Any]:
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


def _ask(
    engine: Engine, questions: Sequence[Question], done: int, recipe: InferRecipe, file: IO[bytes]
) -> None:
    from tqdm import tqdm

    with tqdm(total=len(questions), initial=done, unit="image", desc="predict") as bar:
        for start in range(done, len(questions), recipe.batch_size):
            batch = questions[start : start + recipe.batch_size]
            answered = ask_batch(engine, batch, recipe)
            rows = [prediction_row(*pair) for pair in zip(batch, answered, strict=True)]
            lines = [json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n" for row in rows]
            file.write(b"".join(lines))
            file.flush()
            bar.update(len(batch))


def _were_made_from(fingerprints: dict[str, str], output: Path) -> bool:
    path = output / FINGERPRINTS_FILE
    return path.is_file() and bool(read_json(path) == fingerprints)


def _keep_whole_batches(part: Path, file: IO[bytes], batch_size: int, questions: int) -> int:
    """Cut the file after its last whole batch, and return the number of rows left."""
    lines = part.read_bytes().split(b"\n")[:-1]  # what follows the last line break is torn
    kept = len(lines) if len(lines) == questions else len(lines) - len(lines) % batch_size
    file.truncate(sum(len(line) + 1 for line in lines[:kept]))
    return kept
