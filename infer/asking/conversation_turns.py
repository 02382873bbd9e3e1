"""The questions of a training record with several turns, each with the turns before it, as trained."""

from pathlib import Path

from grounding.markup import IMAGE_PLACEHOLDER
from grounding.record.conversation import Record
from infer.engines.protocol import Exchange, Request


def turn_requests(record: Record, dataset: Path) -> list[Request]:
    """Return a request for each user message of a record, in their order, with the trained answers before it.

    The images' paths are relative to `dataset`; a request has those up to its question.

    Raises:
        ValueError: the turns are not questions with one answer each after an optional system message.
        UserError: a question has more places for images than the record has.
    """
    turns = list(record.turns)
    system = turns.pop(0).text if turns and turns[0].role == "system" else ""
    roles = [turn.role for turn in turns]
    if not turns or roles != ["user", "assistant"] * (len(turns) // 2):
        raise ValueError(f"roles {', '.join(roles)} are not questions with one answer each")
    questions, answers = turns[::2], turns[1::2]
    images = tuple(dataset / name for name in record.images)
    about = None if record.views is None else len(record.pictures)
    history: tuple[Exchange, ...] = ()
    requests, shown = [], 0
    for question, answer in zip(questions, answers, strict=True):
        shown += question.text.count(IMAGE_PLACEHOLDER)
        requests.append(Request(images[:shown], system, question.text, history=history, about=about))
        history = (*history, Exchange(question.text, answer.text))
    return requests
