"""Sample answers to every question of a training split, grade them, and resume after an interruption."""

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import read_jsonl, write_json
from grounding.layout import JSONL_FILES
from infer.asking.parsed_answers import SizedRequest
from infer.asking.ways import AskOnce
from infer.engines.protocol import Engine
from infer.runs.fingerprints import fingerprint_run
from infer.runs.part_file import PartFile, locked, open_part, write_in_order
from infer.runs.predict import EngineOpener
from infer.runs.question_batches import ask_by_place
from infer.runs.resumed_answers import are_current, row_line
from infer.sampling.graded_answers import (
    GradedAnswer,
    GradedQuestion,
    grade,
    graded_row,
    read_graded_row,
)
from infer.sampling.known_questions import SAMPLED_SPLIT, KnownQuestion, read_known_questions
from infer.sampling.sample_settings import SampleSettings

log = logging.getLogger(__name__)

SAMPLES_FILE = "samples.jsonl"
"""The sampled answers, a row per question in the data set's order."""

SAMPLING_FILE = "sampling.json"
"""Of which model, questions and settings the samples are."""


def _refuse_views(known: Sequence[KnownQuestion], dataset: Path) -> None:
    """Refuse questions that show views: what is made of sampled answers shows pictures alone.

    Raises:
        UserError: there is one.
    """
    if shown := next((each for each in known if each.question.shows_views), None):
        path = dataset / JSONL_FILES[SAMPLED_SPLIT]
        raise UserError(
            f"{path}, line {shown.line}: the question shows views of its picture, and records made of "
            "sampled answers cannot: name a data set that was prepared without views"
        )


def sample_answers(
    checkpoint: Path, dataset: Path, output_dir: Path, settings: SampleSettings, open_engine: EngineOpener
) -> list[GradedQuestion]:
    """Sample `settings.answers` answers to each question of the training split, and grade them.

    The answers are kept in samples.jsonl of the output folder. An interrupted call resumes, and ends with the
    same bytes; a finished one is read back, and the model is not loaded.

    Raises:
        UserError: something is wrong with data set, checkpoint, server or output folder, or the folder holds
            answers of other settings and `overwrite` is not set.
    """
    known = read_known_questions(dataset, settings.limit)
    _refuse_views(known, dataset)
    engine_settings = settings.engine_settings(checkpoint)
    identity = {
        "keys": settings.sampled_keys(checkpoint),
        **fingerprint_run(engine_settings.resolve_checkpoint(), [item.question for item in known]),
        "answers": _fingerprint_truths(known),
    }
    path, part = output_dir / SAMPLES_FILE, output_dir / f"{SAMPLES_FILE}.part"
    is_current = are_current(output_dir / SAMPLING_FILE, identity, overwrite=settings.overwrite)
    if is_current and path.is_file():
        log.info("%s: complete already, nothing to ask", path)
    else:
        with locked(part):
            if not is_current:
                for stale in (path, part):
                    stale.unlink(missing_ok=True)
            write_json(output_dir / SAMPLING_FILE, identity)
            with open_part(part) as rows:
                write_in_order(path, _complete(rows, known, settings, open_engine, engine_settings))
            part.unlink()
    saved = (row for _, row in read_jsonl(path))
    return [read_graded_row(item, row) for item, row in zip(known, saved, strict=True)]


def _fingerprint_truths(known: Sequence[KnownQuestion]) -> str:
    return hashlib.sha256(json.dumps([item.truth for item in known]).encode()).hexdigest()


def _complete(
    part: PartFile,
    known: Sequence[KnownQuestion],
    settings: SampleSettings,
    open_engine: EngineOpener,
    engine_settings: Any,
) -> dict[int, bytes]:
    """Ask the questions that have no row yet, and return the rows of all by the questions' places."""
    from tqdm import tqdm

    rows = part.recover(len(known))
    left = _left(rows, len(known), 1 if settings.engine == "openai" else settings.batch_size)
    if not left:
        return rows
    engine = open_engine(engine_settings)
    with tqdm(total=len(known), initial=len(rows), unit="image", desc="sample") as bar:
        for answered in _ask(engine, known, left, settings):
            new = {
                place: row_line(graded_row(known[place], answers))
                for place, answers in answered.items()
                if place not in rows
            }
            part.append(new)
            rows |= new
            bar.update(len(new))
    return rows


def _left(rows: dict[int, bytes], count: int, batch_size: int) -> list[int]:
    """Return the places to ask: a batch of which one answer is missing is asked as a whole.

    The last bits of a probability, and with them a sampled token, can depend on the batch.
    """
    batches = [range(start, min(start + batch_size, count)) for start in range(0, count, batch_size)]
    return [place for batch in batches if any(place not in rows for place in batch) for place in batch]


def _ask(
    engine: Engine, known: Sequence[KnownQuestion], places: Sequence[int], settings: SampleSettings
) -> Iterator[dict[int, list[GradedAnswer]]]:
    """Yield the graded answers by place as they come."""
    once = AskOnce(engine, settings.batch_size, score="none")

    def sample(batch: Sequence[int]) -> list[list[GradedAnswer]]:
        requests = [
            SizedRequest(replace(known[place].question.request, draw=draw), known[place].question.asked)
            for place in batch
            for draw in range(settings.answers)
        ]
        parsed = iter(once(requests))
        return [[grade(known[place], next(parsed)) for _ in range(settings.answers)] for place in batch]

    return ask_by_place(engine, sample, places, settings)
