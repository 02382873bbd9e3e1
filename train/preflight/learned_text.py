"""The text that a run teaches, decoded from the labels of an encoded record, against the record's objects."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from grounding.boxes import GRID, Size
from grounding.candidates.candidate_list import read_candidates
from grounding.markup import BOX_PLACEHOLDER, IMAGE_PLACEHOLDER, REF_PLACEHOLDER
from grounding.record.read_back import lost_in_reading, meant_by_placeholders, read_objects
from grounding.views.view_mark import read_views

NOT_LABELLED = -100
"""The label of a token without loss."""


def learned_texts(tokenizer: Any, labels: Sequence[int]) -> list[str]:
    """Return the text of each run of tokens with loss: one for each answer that is learned."""
    return [
        str(tokenizer.decode(list(run), skip_special_tokens=False, clean_up_tokenization_spaces=False))
        for is_learned, run in groupby(labels, lambda label: label != NOT_LABELLED)
        if is_learned
    ]


def unread_answers(tokenizer: Any, example: Mapping[str, Any], labels: Sequence[int]) -> Iterator[str]:
    """Yield how each answer that a run teaches differs, when it is read, from what its record means.

    `example` is a record as PaddleFormers' data set gives it: `label` says which answers are learned. An
    answer without placeholders means what the reader finds in it as it stands in the record.
    """
    messages, objects = example["messages"], example.get("objects")
    listed = read_candidates(example)
    boxes = () if listed is None else listed.boxes_in(Size(GRID, GRID))
    answers = answers_with_pictures(messages, has_views=read_views(example) is not None)
    meant = [
        each
        if REF_PLACEHOLDER in content or BOX_PLACEHOLDER in content
        else read_objects(content, boxes, images=images)
        for (content, images), each in zip(
            answers, meant_by_placeholders(messages, objects, boxes), strict=True
        )
    ]
    flags = example.get("label") or [1] * len(answers)
    taught = [(each, images) for each, (_, images), flag in zip(meant, answers, flags, strict=True) if flag]
    texts = learned_texts(tokenizer, labels)
    if len(texts) != len(taught):
        yield f"{len(texts)} of its {len(taught)} answers are in the text that is learned"
        return
    for text, (each, images) in zip(texts, taught, strict=True):
        if problem := lost_in_reading(text, each, boxes, images=images):
            yield problem


def answers_with_pictures(messages: Sequence[Mapping[str, Any]], *, has_views: bool) -> list[tuple[str, int]]:
    """Return each answer of a conversation, and how many pictures it is about: those shown before it.

    With views, it is about the first alone.
    """
    found, shown = [], 0
    for message in messages:
        if message["role"] == "assistant":
            found.append((message["content"], 1 if has_views else max(1, shown)))
        elif message["role"] == "user":
            shown += message["content"].count(IMAGE_PLACEHOLDER)
    return found
