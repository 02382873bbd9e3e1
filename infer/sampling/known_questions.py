"""The questions of a data set's training split, each with the answer that its record teaches."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.answers.reader import read_answer
from grounding.errors import UserError
from grounding.files import read_jsonl
from grounding.layout import JSONL_FILES
from grounding.record.conversation import asks_for_boxes, parse_record
from grounding.samples import Detection, Reading
from infer.asking.dataset_questions import Question, read_questions

SAMPLED_SPLIT = "train"


@dataclass(frozen=True)
class KnownQuestion:
    """The first question of a record, and the answer to it that the record teaches.

    `line` is the record's line in train.jsonl, from 1, and `row` the record as it stands there. `truth` is
    the text of the answer with its placeholders filled, `reading` what it means in original pixels.
    """

    question: Question
    line: int
    row: dict[str, Any]
    truth: str
    reading: Reading

    @property
    def wanted(self) -> tuple[Detection, ...]:
        """The objects that a right answer names, each once."""
        return tuple(dict.fromkeys(self.reading.detections))


def read_known_questions(dataset: Path, limit: int | None = None) -> list[KnownQuestion]:
    """Read the questions of the training split in the order of its records, the first `limit` of them.

    Yes/no questions about boxes and questions for words are left out, as their answers name no objects. Of a
    conversation, the first turn is taken.

    Raises:
        UserError: not a prepared data set, or a record that is no question about pictures.
    """
    questions = read_questions(dataset, SAMPLED_SPLIT, limit)
    path = dataset / JSONL_FILES[SAMPLED_SPLIT]
    rows = (numbered for numbered in read_jsonl(path) if asks_for_boxes(numbered[1]))
    known = []
    for question, (line, row) in zip(questions, rows, strict=False):  # `limit` ends the questions earlier
        if not (answers := parse_record(row).answers):
            raise UserError(f"{path}, line {line}: no answer in it to grade by: prepare the data set again")
        known.append(KnownQuestion(question, line, row, answers[0], read_answer(answers[0], question.asked)))
    return known
