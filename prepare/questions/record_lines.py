"""Records: the rows of the JSONL files, in PaddleFormers' `messages` format."""

import json
from dataclasses import dataclass, replace
from typing import Any

from grounding.answers.asked import Asked
from grounding.boxes import Size
from grounding.candidates.candidate_list import CANDIDATES_KEY, CandidateList
from grounding.candidates.candidate_settings import CandidateQuestions
from grounding.candidates.taught_answers import write_taught_answers
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
    the user's text between two turns. From an IoU of `good` on, a candidate's number alone is an answer.
    """

    answer_format: str
    turn_objects: int | None = None
    continuation: str = ""
    good: float = CandidateQuestions.good


def record_format(recipe: PrepareRecipe) -> RecordFormat:
    """Return how a recipe's answers are written."""
    form = RecordFormat(recipe.answer_format, good=recipe.candidates.good)
    if recipe.max_objects is None or recipe.overflow != "turns":
        return form
    return replace(form, turn_objects=recipe.max_objects, continuation=recipe.continuation.template)


def make_record(
    image: str,
    size: Size,
    question: QuestionAnswer,
    form: RecordFormat,
    listed: CandidateList | None = None,
) -> RecordRow:
    """Return a question about an image with its answer; `image` is relative to the JSONL's folder.

    The candidates that are `listed` stand below the question; the answer names objects by them.
    """
    messages = [{"role": "system", "content": SYSTEM_PROMPT}]
    objects: dict[str, list[Any]] = {}
    text = IMAGE_PLACEHOLDER + question.text
    text = text if listed is None else listed.add_to(text, form.answer_format)
    turns = list(split_turns(question.answer, form.turn_objects))
    asked = Asked((size,)) if listed is None else listed.asked((size,))
    for answer in write_taught_answers(form.answer_format, turns, asked, form.good):
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
