"""Predictions: ask every question of a data set, and resume after an interruption."""

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from grounding.files import write_json
from grounding.layout import PREDICTIONS_FILE, SCORED_FILES
from infer.asking.candidates.given_candidates import with_given_candidates
from infer.asking.dataset_questions import Question, read_questions
from infer.asking.views.view_checks import check_views, warn_of_untrained_views
from infer.asking.words.asked_regions import read_region_questions
from infer.asking.zoom import check_zoom
from infer.confidence.calibration import Calibration
from infer.engines.box_head_place import find_box_head
from infer.engines.protocol import Engine
from infer.engines.settings import EngineSettings
from infer.recipe import InferRecipe, check_saved_recipe, save_recipe
from infer.runs.calibrated_run import calibration_of_run
from infer.runs.fingerprints import FINGERPRINTS_FILE, fingerprint_run, has_fingerprints
from infer.runs.grammar_check import check_grammar
from infer.runs.part_file import PartFile, locked, open_part, write_in_order
from infer.runs.predicted_row import prediction_row
from infer.runs.question_batches import ask_questions

log = logging.getLogger(__name__)

PART_FILE = "predictions.jsonl.part"

EngineOpener = Callable[[EngineSettings], Engine]


def predict(recipe: InferRecipe, open_engine: EngineOpener) -> Path:
    """Write predictions.jsonl, one row per question in the data set's order, and return its path.

    Questions about boxes come first, then those for words about a region; `limit` is that of each kind. A
    data set can have one kind alone.

    Rows are appended to predictions.jsonl.part as they come, and sorted when the last one is there. An
    interrupted run resumes: the same recipe asks the questions that have no row yet. Hashes tell whether
    the saved rows belong to this checkpoint and these questions. A shard asks its share of the questions,
    and writes files of its own: `infer.merge` joins them.

    Raises:
        UserError: something is wrong with data set, checkpoint, calibration, box head, server or output
            folder.
    """
    check_saved_recipe(recipe)
    check_grammar(recipe)
    checkpoint = recipe.resolve_checkpoint()
    about_boxes = with_given_candidates(
        read_questions(recipe.dataset_path, recipe.split, recipe.limit, or_words=True), recipe
    )
    check_views(recipe, about_boxes)
    warn_of_untrained_views(recipe)
    questions = [*about_boxes, *read_region_questions(recipe.dataset_path, recipe.split, recipe.limit)]
    for question in about_boxes:
        check_zoom(recipe.zoom, question.asked)
    number, count = recipe.shard_numbers
    calibration = calibration_of_run(recipe, checkpoint, about_boxes[number::count])
    box_head = None if checkpoint is None else find_box_head(recipe, checkpoint)
    fingerprints = fingerprint_run(checkpoint, questions, calibration, box_head)
    path, part = recipe.file(PREDICTIONS_FILE), recipe.file(PART_FILE)
    fingerprints_path = recipe.file(FINGERPRINTS_FILE)
    is_current = not recipe.overwrite and has_fingerprints(fingerprints_path, fingerprints)
    if is_current and path.is_file():
        log.info("%s: complete already, nothing to ask", path)
        return path
    with locked(part):
        if not is_current:
            for stale in (path, part, *(recipe.output_path / name for name in SCORED_FILES)):
                stale.unlink(missing_ok=True)
        save_recipe(recipe)
        write_json(fingerprints_path, fingerprints)
        with open_part(part) as rows:
            write_in_order(path, _complete(rows, questions[number::count], recipe, open_engine, calibration))
        part.unlink()
    return path


def _complete(
    part: PartFile,
    questions: Sequence[Question],
    recipe: InferRecipe,
    open_engine: EngineOpener,
    calibration: Calibration | None,
) -> dict[int, bytes]:
    """Ask the questions that have no row yet, and return the rows of all by the questions' places."""
    rows = part.recover(len(questions))
    left = [place for place in range(len(questions)) if place not in rows]
    if not left:
        return rows
    from tqdm import tqdm

    engine = open_engine(recipe)
    with tqdm(total=len(questions), initial=len(rows), unit="image", desc="predict") as bar:
        for answers in ask_questions(engine, questions, left, recipe, calibration):
            new = {
                place: _line(prediction_row(questions[place], answered))
                for place, answered in answers.items()
            }
            part.append(new)
            rows |= new
            bar.update(len(new))
    return rows


def _line(row: dict[str, object]) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
