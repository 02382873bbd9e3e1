from pathlib import Path

import pytest

from grounding.errors import UserError
from grounding.keep.keep_record import KeepPoint, KeptSet, add_point, curves_file, read_keep

SETS = (KeptSet("old", "data set", "data/old"),)


def point(step: int, value: float = 0.5) -> KeepPoint:
    return KeepPoint(step, {"old": {"AP50": value}}, value / 10)


def test_points_are_kept_and_those_that_a_resume_repeats_are_replaced(tmp_path: Path) -> None:
    assert read_keep(tmp_path) is None
    for step in (0, 10, 20, 30):
        add_point(tmp_path, SETS, point(step))
    add_point(tmp_path, SETS, point(20, 0.25))
    record = read_keep(tmp_path)
    assert record is not None
    assert record.sets == SETS
    assert record.points == (point(0), point(10), point(20, 0.25))
    add_point(tmp_path, SETS, point(0, 0.75))  # a run that starts anew
    record = read_keep(tmp_path)
    assert record is not None
    assert record.points == (point(0, 0.75),)


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"sets": [], "points": [{"step": "1"}]}', '{"sets": 1, "points": []}']
)
def test_another_file_is_said(tmp_path: Path, text: str) -> None:
    curves_file(tmp_path).parent.mkdir()
    curves_file(tmp_path).write_text(text)
    with pytest.raises(UserError, match=r"curves\.json"):
        read_keep(tmp_path)


def test_a_run_that_starts_anew_does_not_read_what_was_there(tmp_path: Path) -> None:
    curves_file(tmp_path).parent.mkdir()
    curves_file(tmp_path).write_text("{")
    with pytest.raises(UserError, match=r"curves\.json"):
        add_point(tmp_path, SETS, point(10))
    add_point(tmp_path, SETS, point(0))
    record = read_keep(tmp_path)
    assert record is not None
    assert record.points == (point(0),)
