import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from infer.runs.resumed_answers import resumed_rows

IDENTITY = {"keys": {"model": "a"}, "questions": "hash"}


class Asker:
    """Answers two questions at a time, the last ones first; it dies after so many pairs."""

    def __init__(self, dies_after: int = 100) -> None:
        self.dies_after, self.asked = dies_after, []  # type: int, list[int]

    def __call__(self, places: Sequence[int]) -> Iterator[Mapping[int, dict[str, Any]]]:
        order = sorted(places, reverse=True)
        for number, start in enumerate(range(0, len(order), 2)):
            if number == self.dies_after:
                raise KeyboardInterrupt
            pair = order[start : start + 2]
            self.asked += pair
            yield {place: {"place": place, "text": "红"} for place in pair}


def rows_of(path: Path, ask: Asker, identity: dict[str, Any] = IDENTITY, **more: Any) -> list[dict[str, Any]]:
    return resumed_rows(path, identity, 5, ask, "question", **{"overwrite": False, **more})


def test_rows_are_in_the_order_of_the_questions_and_asked_once(tmp_path: Path) -> None:
    path = tmp_path / "out" / "rows.jsonl"
    first, second = Asker(), Asker()
    assert [row["place"] for row in rows_of(path, first)] == [0, 1, 2, 3, 4]
    assert rows_of(path, second) == rows_of(path, first)
    assert (len(first.asked), second.asked) == (5, [])
    assert sorted(one.name for one in path.parent.iterdir()) == ["rows.json", "rows.jsonl"]


@pytest.mark.parametrize("dies_after", [0, 1, 2])
def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(tmp_path: Path, dies_after: int) -> None:
    whole, path = tmp_path / "whole.jsonl", tmp_path / "rows.jsonl"
    rows_of(whole, Asker())
    with pytest.raises(KeyboardInterrupt):
        rows_of(path, Asker(dies_after))
    assert not path.exists()
    rest = Asker()
    rows_of(path, rest)
    assert len(rest.asked) == 5 - 2 * dies_after
    assert path.read_bytes() == whole.read_bytes()


def test_other_questions_are_asked_anew_and_other_settings_refused(tmp_path: Path) -> None:
    path, again = tmp_path / "rows.jsonl", Asker()
    rows_of(path, Asker())
    rows_of(path, again, {**IDENTITY, "questions": "other"})
    assert len(again.asked) == 5
    changed = {"keys": {"model": "b"}, "questions": "other"}
    with pytest.raises(UserError, match=r"model=b \(was a\); set another output_dir, or overwrite=true"):
        rows_of(path, again, changed)
    rows_of(path, again, changed, overwrite=True)
    assert len(again.asked) == 10
    path.with_suffix(".json").write_text(json.dumps({"x": 1}))
    with pytest.raises(UserError, match="not what this command writes"):
        rows_of(path, again)
