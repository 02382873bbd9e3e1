"""The questions for words about a region, read from the records that training reads."""

import hashlib
import logging
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from grounding.errors import UserError
from grounding.files import lies_inside, read_jsonl
from grounding.layout import ALL_JSONL_FILES
from grounding.regions.region_mark import asks_for_words
from infer.asking.dataset_questions import NumberedRow, Question, read_request, size_of

ID_LIMIT = 10**15
"""Ids have 15 digits, which all JSON readers keep exactly."""

log = logging.getLogger(__name__)


def read_region_questions(
    dataset: Path, split: str, limit: int | None = None, rows: Iterable[NumberedRow] | None = None
) -> list[Question]:
    """Read the questions for words of a split in the order of its records, the first `limit` of them.

    Each has the region of its record, and an id that depends on picture and question alone. A data set
    without such questions has none. `rows` are the split's, where they are read for something else, too.

    Raises:
        UserError: a record that is no question about exactly one image, or whose mark makes no sense.
    """
    path = dataset / ALL_JSONL_FILES[split]
    questions: list[Question] = []
    asked: Counter[str] = Counter()
    for line, row in read_jsonl(path) if rows is None else rows:
        if limit is not None and len(questions) == limit:
            break
        if not asks_for_words(row):
            continue
        where = f"{path}, line {line}"
        record, request = read_request(row, dataset, where)
        if len(record.images) > 1:
            raise UserError(
                f"{where}: a question for words about a region shows one picture, and this one has "
                f"{len(record.images)}: prepare the data set again"
            )
        if record.region and not lies_inside(dataset / record.region.image, dataset):
            raise UserError(
                f"{where}: {record.region.image} lies outside the data set's folder: prepare the data set "
                "again"
            )
        question_id = _question_id(record.image, request.user, asked)
        size = size_of(request.picture)
        questions.append(Question.of_one(question_id, record.image, size, request, record.region))
    if questions:
        log.info("%s: %d questions ask for words about a region", path, len(questions))
    return questions


def _question_id(image: str, text: str, asked: Counter[str]) -> int:
    """Return the id of a question; one that is asked again has another."""
    key = f"{image}\n{text}"
    asked[key] += 1
    again = "" if asked[key] == 1 else f"\n{asked[key]}"
    return int.from_bytes(hashlib.blake2b(f"{key}{again}".encode(), digest_size=8).digest(), "big") % ID_LIMIT
