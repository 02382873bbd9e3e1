"""Tables of boxes in batches, and wrong boxes written into them, read back with the tokenizer."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.train.objectives.joint_head.test_answer_boxes import OBJECTS, answer_text, record
from train.inside.joint_training import JointTraining
from train.objectives.joint_head.answer_boxes import NOT_TAUGHT
from train.objectives.joint_head.box_batches import (
    BOXES_KEY,
    LABELS_KEY,
    read_box_table,
    read_label_table,
    with_box_tables,
)
from train.objectives.joint_head.joint_settings import JointSettings

LABELS = ["red square", "blue circle", "dog 12", "cat 34"]
PAD = 0


def collated(tokenizer: Any, packs: list[list[str]], *, padding_free: bool = False) -> dict[str, Any]:
    """A batch as PaddleFormers makes it: token ids and labels, padded."""
    import paddle

    def collate(batch: Any, *, tokenizer: Any, **options: Any) -> dict[str, Any]:
        del tokenizer
        rows = [[each for pack in batch for each in pack]] if options.get("padding_free") else batch
        parts = [
            [[number for each in row for number in getattr(each, name)] for row in rows]
            for name in ("token_ids", "labels")
        ]
        longest = max(map(len, parts[0])) + 2
        padded = [
            [row + [fill] * (longest - len(row)) for row in part]
            for part, fill in zip(parts, (PAD, NOT_TAUGHT), strict=True)
        ]
        return dict(zip(("input_ids", "labels"), map(paddle.to_tensor, padded), strict=True))

    records = [
        [
            SimpleNamespace(**dict(zip(("token_ids", "labels"), record(tokenizer, text), strict=True)))
            for text in pack
        ]
        for pack in packs
    ]
    made = with_box_tables(collate, LABELS, 3)(records, tokenizer=tokenizer, padding_free=padding_free)
    return dict(made)


def packs() -> list[list[str]]:
    return [
        [answer_text("objects", OBJECTS[:3]), "There is none."],
        ["Yes", answer_text("json", OBJECTS[1:3])],
    ]


@pytest.mark.parametrize("padding_free", [False, True])
def test_places_are_those_in_the_rows(tokenizer: Any, padding_free: bool) -> None:
    batch = collated(tokenizer, packs(), padding_free=padding_free)
    boxes, others = read_box_table(batch[BOXES_KEY]), read_label_table(batch[LABELS_KEY])
    assert [box.row for box in boxes] == ([0] * 5 if padding_free else [0, 0, 0, 1, 1])
    assert [box.answer for box in boxes] == [0, 0, 0, 1, 1]
    ids = batch["input_ids"].numpy()
    wanted = [*OBJECTS[:3], *OBJECTS[1:3]]
    for place, (box, item) in enumerate(zip(boxes, wanted, strict=True)):
        for before, number in zip(box.before, item.box.xyxy, strict=True):
            digits = ids[box.row, before + 1 : before + 1 + len(str(int(number)))]
            assert tokenizer.decode(digits.tolist()) == str(int(number))
        if written := others.get(place):
            changed = ids[box.row].copy()
            for token_place, token in written:
                changed[token_place] = token
            first, last = written[0][0], written[-1][0]
            assert item.label in tokenizer.decode(ids[box.row, first : last + 1].tolist())
            assert any(label in tokenizer.decode(changed[first : last + 1].tolist()) for label in LABELS)
            assert box.label != box.other
    assert others
    assert boxes[1].label_end == boxes[2].label_end or boxes[1].label == boxes[2].label


def test_a_batch_without_boxes_has_empty_tables(tokenizer: Any) -> None:
    batch = collated(tokenizer, [["Yes"], ["There are 3."]])
    assert read_box_table(batch[BOXES_KEY]) == []
    assert read_label_table(batch[LABELS_KEY]) == {}


def trainer(tokenizer: Any, step: int) -> Any:
    config = SimpleNamespace(text_config=SimpleNamespace(hidden_size=4))
    return SimpleNamespace(
        args=SimpleNamespace(seed=5, local_process_index=0, learning_rate=1.0),
        tokenizer=tokenizer,
        model=SimpleNamespace(config=config),
        state=SimpleNamespace(global_step=step),
    )


def written_by(tokenizer: Any, step: int, **settings: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A batch as it was, and with wrong boxes."""
    batch = collated(tokenizer, packs())
    wrong = dict(batch)
    joint = JointTraining(trainer(tokenizer, step), JointSettings(hidden=2, **settings))
    joint.prepare(wrong, wrong.pop(BOXES_KEY), wrong.pop(LABELS_KEY))
    return batch, wrong


def test_nothing_is_taught_from_the_first_wrong_token_to_the_end_of_its_answer(tokenizer: Any) -> None:
    seen = 0
    for step in range(12):
        shares = {"jittered": 0.4, "wrong": 0.2, "relabelled": 0.2, "apart": False, "answers": 0.5}
        batch, wrong = written_by(tokenizer, step, **shares)
        ids, labels = batch["input_ids"].numpy(), batch["labels"].numpy()
        new_ids, new_labels = wrong["input_ids"].numpy(), wrong["labels"].numpy()
        ends = {box.answer: box.end for box in read_box_table(batch[BOXES_KEY])}
        for row in range(2):
            changed = np.flatnonzero(ids[row] != new_ids[row])
            hidden = np.flatnonzero(labels[row] != new_labels[row])
            if len(changed):
                seen += 1
                assert set(changed - 1) <= set(hidden)
                assert hidden.tolist() == list(range(hidden[0], ends[row] - 1))
                assert (new_labels[row][hidden] == NOT_TAUGHT).all()
                assert (labels[row][hidden] != NOT_TAUGHT).all()
                assert (new_labels[row] != NOT_TAUGHT).any()
    assert seen > 5


def test_the_step_decides_what_is_wrong(tokenizer: Any) -> None:
    one, again, other = (written_by(tokenizer, step)[1]["input_ids"].numpy() for step in (3, 3, 4))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
