import json
from pathlib import Path
from typing import Any

from train.objectives.joint_head.other_labels import MOST, OtherLabels, labels_of_files


def ids_of(tokenizer: Any, text: str) -> tuple[int, ...]:
    return tuple(tokenizer(text, add_special_tokens=False)["input_ids"])


def test_others_have_as_many_tokens_and_keep_what_is_beside(tokenizer: Any) -> None:
    labels = ["red square", "blue circle", "red", 'a "b"']
    others = OtherLabels(labels, tokenizer)
    for around in ("{}", ' "{}', '"{}"}}'):
        ids = ids_of(tokenizer, around.format("red square"))
        found = dict(others.fitting(ids, "red square"))
        assert "red square" not in found
        for label, written in found.items():
            assert len(written) == len(ids)
            assert tokenizer.decode(written) == around.format(label)
    assert "blue circle" in dict(others.fitting(ids_of(tokenizer, "red square"), "red square"))
    assert 'a "b"' not in dict(OtherLabels(['a "b"', "cup 12"], tokenizer).fitting(ids, "red square"))


def test_tokens_that_do_not_hold_the_label_once_have_no_other(tokenizer: Any) -> None:
    others = OtherLabels(["red", "blue"], tokenizer)
    assert others.fitting((), "red") == []
    assert others.fitting(ids_of(tokenizer, "red red"), "red") == []
    assert others.fitting(ids_of(tokenizer, "cup"), "red") == []


def test_labels_come_from_records_of_all_files_and_are_few(drawn_data: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.jsonl"
    row = json.loads((drawn_data / "train.jsonl").read_text(encoding="utf-8").splitlines()[0])
    rows = [{"messages": 3}] + [
        row | {"objects": row["objects"] | {"ref": [f"label {number}"]}} for number in range(MOST)
    ]
    more.write_text("".join(json.dumps(each) + "\n" for each in rows), encoding="utf-8")
    assert labels_of_files([drawn_data / "train.jsonl"], 1) == ["blue square", "red square"]
    many = labels_of_files([drawn_data / "train.jsonl", more], 1)
    assert len(many) == MOST
    assert many == labels_of_files([drawn_data / "train.jsonl", more], 1)
    assert many != labels_of_files([drawn_data / "train.jsonl", more], 2)
