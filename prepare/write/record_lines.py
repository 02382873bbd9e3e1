"""Records: the rows of the JSONL, as PaddleFormers' `messages` type wants them."""

import json
from dataclasses import dataclass
from typing import Any

from grounding.answers.writer import write_answer
from grounding.boxes import Size
from grounding.markup import IMAGE_PLACEHOLDER
from grounding.prompts import SYSTEM_PROMPT
from prepare.questions.asking import Question
from prepare.questions.order import split_turns
from prepare.recipe import Recipe

Record = dict[str, Any]


@dataclass(frozen=True)
class Form:
    """How answers are written: the format, and the most objects of a turn with the user's turns between."""

    answer_format: str
    turn_objects: int | None = None
    more: str = ""


def make_form(recipe: Recipe) -> Form:
    """Return how a recipe's answers are written."""
    if recipe.max_objects is None or recipe.overflow != "turns":
        return Form(recipe.answer_format)
    return Form(recipe.answer_format, recipe.max_objects, recipe.more.template)


def make_record(image: str, size: Size, question: Question, form: Form) -> Record:
    """Return a question about an image with its answer; `image` is relative to the JSONL's folder."""
    messages = [{"role": "system", "content": SYSTEM_PROMPT}]
    objects: dict[str, list[Any]] = {}
    text = IMAGE_PLACEHOLDER + question.text
    for detections in split_turns(question.answer, form.turn_objects):
        answer = write_answer(form.answer_format, detections, size)
        messages += [{"role": "user", "content": text}, {"role": "assistant", "content": answer.content}]
        for key, values in (answer.objects or {}).items():
            objects.setdefault(key, []).extend(values)
        text = form.more
    record: Record = {"messages": messages, "images": [image]}
    return {**record, "objects": objects} if objects else record


def make_line(record: Record) -> str:
    """Return a record as a line of the JSONL, without its end."""
    return json.dumps(record, ensure_ascii=False)
