"""What points are scored on is checked before any of them is made."""

from pathlib import Path

import pytest

from grounding.card import Card, save_card
from grounding.errors import UserError
from train.blend.blend_settings import BlendSettings
from train.blend.point_measuring import check_datasets


def prepared(folder: Path, kind: str = "coco_json") -> Path:
    folder.mkdir()
    save_card(Card("", {}, "objects", (), "none", {"source": {"kind": kind}}, {}), folder)
    for name in ("val.jsonl", "annotations_val.json"):
        (folder / name).write_text("{}", encoding="utf-8")
    return folder


def settings(new: Path, *old: Path) -> BlendSettings:
    return BlendSettings(new=str(new), old=",".join(map(str, old)))


def test_prepared_data_sets_pass_and_a_missing_one_is_named(tmp_path: Path) -> None:
    new, old = prepared(tmp_path / "new"), prepared(tmp_path / "old")
    check_datasets(settings(new, old))
    with pytest.raises(UserError, match=r"gone/card\.json: no such file: prepare the data set first"):
        check_datasets(settings(new, old, tmp_path / "gone"))


def test_a_set_of_the_new_task_is_none_of_the_old(tmp_path: Path) -> None:
    new, old = prepared(tmp_path / "new"), prepared(tmp_path / "old")
    with pytest.raises(UserError, match="new is a data set of the new task, too"):
        check_datasets(settings(new, old, tmp_path / "old" / ".." / "new"))


def test_replayed_answers_cannot_be_scored(tmp_path: Path) -> None:
    new, replay = prepared(tmp_path / "new"), prepared(tmp_path / "replay", "replay")
    with pytest.raises(
        UserError, match=r"replay: holds a model's answers to prompts \(prepare\.replay\), which no"
    ):
        check_datasets(settings(new, replay))
