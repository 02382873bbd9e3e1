"""Batches that say where their answers have boxes.

The tables have a row for each box and for each token of another label. Which boxes are made wrong is decided
where the batch is learned: a resumed run skips batches, and the step alone decides, as nothing is counted.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

from train.objectives.coordinates.coordinate_digits import digit_token_ids
from train.objectives.joint_head.answer_boxes import TaughtBox, taught_boxes
from train.objectives.joint_head.other_labels import OtherLabels

BOXES_KEY, LABELS_KEY = "grounding_box_table", "grounding_label_table"
"""The keys of a batch under which the two tables are, int64."""

Collator = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class BoxRow:
    """A box in the table: its batch row, the number of its answer in the batch, and places of tokens.

    `before` are the places of the tokens before its four numbers, `numbers` xyxy on the grid. `label` and
    `other` are checksums of its label and of another one, `end` is the place behind the answer.
    """

    row: int
    answer: int
    label_end: int
    box_end: int
    before: tuple[int, int, int, int]
    numbers: tuple[int, int, int, int]
    label: int
    other: int
    end: int

    def flat(self) -> list[int]:
        """Return the box as a row of the table."""
        return [
            int(number)
            for value in astuple(self)
            for number in (value if isinstance(value, tuple) else (value,))
        ]


BOX_COLUMNS = len(fields(BoxRow)) + 2 * 3
LABEL_COLUMNS = 3
"""A token of another label: the box's place in the table, the token's place in its row, and the token."""

NO_ROW = -1
"""The first number of a table's only row where there is nothing: workers cannot hand over empty tables."""


def with_box_tables(collate: Collator, labels: Sequence[str], seed: int) -> Collator:
    """Return PaddleFormers' collator of supervised fine-tuning (mm_collate_fn) with tables in its batches.

    `labels` are those that may take another's place.
    """
    known: list[tuple[list[int], OtherLabels]] = []

    def collate_with_tables(batch: Sequence[Sequence[Any]], *, tokenizer: Any, **options: Any) -> Any:
        inputs = collate(batch, tokenizer=tokenizer, **options)
        if not known:
            known.append((digit_token_ids(tokenizer), OtherLabels(labels, tokenizer)))
        # With padding_free all records are one row, as in the collator.
        packs = [[each for pack in batch for each in pack]] if options.get("padding_free") else batch
        boxes, tokens = _tables(packs, tokenizer, *known[0], seed)
        return {**inputs, BOXES_KEY: _tensor(boxes, BOX_COLUMNS), LABELS_KEY: _tensor(tokens, LABEL_COLUMNS)}

    return collate_with_tables


def _tables(
    packs: Sequence[Sequence[Any]], tokenizer: Any, digit_ids: list[int], others: OtherLabels, seed: int
) -> tuple[list[list[int]], list[list[int]]]:
    boxes: list[list[int]] = []
    tokens: list[list[int]] = []
    answers = 0
    for row, pack in enumerate(packs):
        start = 0
        for record in pack:
            chance = (seed, zlib.crc32(str(record.token_ids).encode()))
            for answer in taught_boxes(record.labels, tokenizer, digit_ids):
                for box in answer:
                    ids = tuple(record.token_ids[place] for place in box.label_tokens)
                    other = _choose(others.fitting(ids, box.label), chance)
                    if other is not None:
                        places = [start + place for place in box.label_tokens]
                        tokens += [[len(boxes), *each] for each in zip(places, other[1], strict=True)]
                    boxes.append(_row(box, row, answers, start, other[0] if other else box.label).flat())
                answers += 1
            start += len(record.token_ids)
    return boxes, tokens


def _choose(
    fitting: Sequence[tuple[str, tuple[int, ...]]], chance: Any
) -> tuple[str, tuple[int, ...]] | None:
    import numpy as np

    return fitting[int(np.random.default_rng(chance).integers(len(fitting)))] if fitting else None


def _row(box: TaughtBox, row: int, answer: int, start: int, other: str) -> BoxRow:
    label_end, box_end, *before = (start + place for place in box.places)
    return BoxRow(
        row,
        answer,
        label_end,
        box_end,
        tuple(before),  # type: ignore[arg-type]
        box.numbers,  # type: ignore[arg-type]
        zlib.crc32(box.label.encode()),
        zlib.crc32(other.encode()),
        start + box.end,
    )


def _tensor(rows: list[list[int]], columns: int) -> Any:
    import numpy as np
    import paddle

    return paddle.to_tensor(np.array(rows or [[NO_ROW] * columns], dtype=np.int64))


def read_box_table(table: Any) -> list[BoxRow]:
    """Return the boxes of a table that a batch has carried."""
    return [_read_row(numbers) for numbers in table.tolist() if numbers[0] != NO_ROW]


def _read_row(numbers: list[int]) -> BoxRow:
    row, answer, label_end, box_end, *others = numbers
    label, other, end = others[8:]
    return BoxRow(row, answer, label_end, box_end, _four(others[:4]), _four(others[4:8]), label, other, end)


def _four(numbers: list[int]) -> tuple[int, int, int, int]:
    first, second, third, fourth = numbers
    return first, second, third, fourth


def read_label_table(table: Any) -> dict[int, list[tuple[int, int]]]:
    """Return, by the box's place in its table, the places and tokens of another label."""
    found: dict[int, list[tuple[int, int]]] = {}
    for box, place, token in table.tolist():
        if box != NO_ROW:
            found.setdefault(box, []).append((place, token))
    return found
