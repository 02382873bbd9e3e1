"""Records: the rows of the JSONL files, in PaddleFormers' `messages` format."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grounding.answers.writer import CandidateUse, write_answer
from grounding.boxes import Size
from grounding.candidates.candidate_list import CANDIDATES_KEY, CandidateList
from grounding.markup import IMAGE_PLACEHOLDER
from grounding.prompts import SYSTEM_PROMPT
from prepare.questions.order import split_turns
from prepare.questions.questioner import QuestionAnswer
from prepare.recipe import PrepareRecipe

RecordRow = dict[str, Any]


@dataclass(frozen=True)
class RecordFormat:
    """How answers are written.

    `turn_objects` is the most objects of one turn, None if an answer is always one turn; `continuation` is
    the user's text between two turns.
    """

    answer_format: str
    turn_objects: int | None = None
    continuation: str = ""


def record_format(recipe: PrepareRecipe) -> RecordFormat:
    """Return how a recipe's answers are written."""
    if recipe.max_objects is None or recipe.overflow != "turns":
        return RecordFormat(recipe.answer_format)
    return RecordFormat(recipe.answer_format, recipe.max_objects, recipe.continuation.template)


def make_record(
    image: str,
    size: Size,
    question: QuestionAnswer,
    form: RecordFormat,
    listed: CandidateList | None = None,
    uses: Sequence[CandidateUse | None] = (),
) -> RecordRow:
    """Return a question about an image with its answer; `image` is relative to the JSONL's folder.

    The candidates that are `listed` stand below the question; the answer names its objects by `uses` of them.
    """
    messages = [{"role": "system", "content": SYSTEM_PROMPT}]
    objects: dict[str, list[Any]] = {}
    text = IMAGE_PLACEHOLDER + question.text
    text = text if listed is None else listed.add_to(text, form.answer_format)
    done = 0
    for detections in split_turns(question.answer, form.turn_objects):
        own_uses = uses[done : done + len(detections)]
        answer = write_answer(form.answer_format, detections, size, own_uses)
        done += len(detections)
        messages += [{"role": "user", "content": text}, {"role": "assistant", "content": answer.content}]
        for key, values in (answer.objects or {}).items():
            objects.setdefault(key, []).extend(values)
        text = form.continuation
    record: RecordRow = {"messages": messages, "images": [image]}
    record = {**record, "objects": objects} if objects else record
    return record if listed is None else {**record, CANDIDATES_KEY: listed.as_json()}


def make_line(record: RecordRow) -> str:
    """Return a record as a line of the JSONL, without the line end."""
    return json.dumps(record, ensure_ascii=False)
