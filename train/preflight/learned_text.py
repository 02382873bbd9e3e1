"""The text that a run teaches, decoded from the labels of an encoded record, against the record's objects."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from grounding.boxes import GRID, Size
from grounding.candidates.candidate_list import read_candidates
from grounding.markup import BOX_PLACEHOLDER, REF_PLACEHOLDER
from grounding.record.read_back import lost_in_reading, meant_by_placeholders, read_objects

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
    answers = [message["content"] for message in messages if message["role"] == "assistant"]
    meant = [
        each if REF_PLACEHOLDER in content or BOX_PLACEHOLDER in content else read_objects(content, boxes)
        for content, each in zip(answers, meant_by_placeholders(messages, objects, boxes), strict=True)
    ]
    flags = example.get("label") or [1] * len(answers)
    taught = [each for each, flag in zip(meant, flags, strict=True) if flag]
    texts = learned_texts(tokenizer, labels)
    if len(texts) != len(taught):
        yield f"{len(texts)} of its {len(taught)} answers are in the text that is learned"
        return
    for text, each in zip(texts, taught, strict=True):
        if problem := lost_in_reading(text, each, boxes):
            yield problem
