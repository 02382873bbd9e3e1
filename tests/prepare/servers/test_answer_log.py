"""The log comes back as it was written, whatever a killed process has left at its end."""

import json
from pathlib import Path

import pytest

from grounding.errors import UserError
from prepare.servers.answer_log import LoggedAnswer, open_log
from prepare.servers.request_budget import Spent

ANSWER = LoggedAnswer("左边的狗\n", False, None, 70, "2026-01-01T00:00:00+00:00", "teacher")


def test_answers_and_spending_come_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "answers.jsonl"
    with open_log(path) as log:
        assert (log.answers, log.spent) == ({}, Spent(0, 0))
        for event in ("sent", "refused", "sent", "sent"):
            log.note(event, "a", 100)
        log.add("a", ANSWER)
        log.note("sent", "b", 50)
        log.note("sent", "c", 30)
        log.note("refused", "c", 30)
    with open_log(path) as log:
        assert log.answers == {"a": ANSWER}
        # a: one refused, one of unknown outcome (100), one answered (70). b: in flight (50). c: refused.
        assert log.spent == Spent(5, 220)
        log.note("sent", "b", 50)
        log.add("b", ANSWER)
    with open_log(path) as log:
        assert log.spent == Spent(6, 290)
        assert log.known_servers == {"teacher"}


def test_every_cut_of_the_last_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    with open_log(path) as log:
        log.add("a", ANSWER)
        log.add("b", ANSWER)
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for end in range(first, len(whole)):
        path.write_bytes(whole[:end])
        with open_log(path) as log:
            assert log.answers == {"a": ANSWER}
            log.add("b", ANSWER)
        assert path.read_bytes() == whole


@pytest.mark.parametrize(
    "line",
    [
        "no JSON",
        "[]",
        "5",
        "{}",
        '{"answer": "a"}',
        json.dumps({"attempt": "a", "event": "lost", "tokens": 1}),
        json.dumps({"attempt": "a", "event": "sent", "tokens": "1"}),
        "[" * 100_000,
    ],
)
def test_another_file_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "answers.jsonl"
    with open_log(path) as log:
        log.add("a", ANSWER)
    with path.open("a") as file:
        file.write(f"{line}\n")
    before = path.read_bytes()
    with (
        pytest.raises(UserError, match=r"answers\.jsonl, line 2: not what this command writes"),
        open_log(path),
    ):
        pass
    assert path.read_bytes() == before
