"""The log of answers: a line before each request is sent, and one for each answer, appended as they come.

A killed run is resumed from it: what was answered is not asked again, and what was sent is counted.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from grounding.errors import UserError
from prepare.servers.request_budget import Spent

SERVER_REFUSES = "refused by the server"
"""The problem of a question to which the server answers with an HTTP error that no retry mends."""


@dataclass(frozen=True)
class LoggedAnswer:
    """An answer: its text, what came in its place, and when it came (UTC, ISO 8601).

    `tokens` are those of question and answer; those that were reserved, where the server does not count.
    `who` was asked: the teacher, or the server that grounds descriptions.
    """

    text: str
    is_cut: bool
    problem: str | None
    tokens: int
    time: str
    who: str


_ANSWER = {
    "answer": str,
    "text": str,
    "is_cut": bool,
    "problem": (str, type(None)),
    "tokens": int,
    "time": str,
    "who": str,
}
_ATTEMPT = {"attempt": str, "event": str, "tokens": int}
"""The types of both kinds of lines. There are millions of lines: pydantic would take minutes."""


class AnswerLog:
    """The open log: `answers` by the key of their question, and what was `spent` before this start."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        """Read the log, and cut off a line that a killed run has not finished.

        Raises:
            UserError: a line is none that this command writes.
        """
        self._path, self._file, self._lock = path, file, threading.Lock()
        self.answers: dict[str, LoggedAnswer] = {}
        self._pending: dict[str, int] = {}
        self._requests = self._tokens = 0
        self._recover()
        self.spent = Spent(self._requests, self._tokens + sum(self._pending.values()))

    @property
    def known_servers(self) -> set[str]:
        """Who has answered before."""
        return {answer.who for answer in self.answers.values() if answer.problem != SERVER_REFUSES}

    def note(self, event: str, key: str, tokens: int) -> None:
        """Write that a request is about to be "sent" with so many tokens reserved, or was "refused"."""
        self._append({"attempt": key, "event": event, "tokens": tokens})

    def add(self, key: str, answer: LoggedAnswer) -> None:
        """Write an answer."""
        self._append({"answer": key, **asdict(answer)})
        self.answers[key] = answer

    def _append(self, row: dict[str, Any]) -> None:
        line = json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        with self._lock, _writing(self._path):
            self._file.write(line)
            self._file.flush()

    def _recover(self) -> None:
        whole = 0
        with _writing(self._path):
            self._file.seek(0)
            for number, line in enumerate(self._file, start=1):
                if not line.endswith(b"\n"):
                    break
                try:
                    self._take(json.loads(line))
                except (ValueError, RecursionError) as error:
                    raise UserError(
                        f"{self._path}, line {number}: not what this command writes ({error}): remove the "
                        "file, or set another output_dir"
                    ) from error
                whole += len(line)
            self._file.truncate(whole)
            self._file.seek(whole)

    def _take(self, row: Any) -> None:
        """Take a line: an answer, or an attempt, of which one without outcome counts as spent."""
        if not isinstance(row, dict):
            raise ValueError("not an object")
        if "answer" in row:
            _check_line(row, _ANSWER)
            key = row.pop("answer")
            self.answers[key] = LoggedAnswer(**row)
            self._pending.pop(key, None)
            self._tokens += row["tokens"]
            return
        _check_line(row, _ATTEMPT)
        before = self._pending.pop(row["attempt"], 0)
        if row["event"] not in ("sent", "refused"):
            raise ValueError(f"event '{row['event']}'")
        if row["event"] == "sent":
            self._requests += 1
            self._tokens += before
            self._pending[row["attempt"]] = row["tokens"]


def _check_line(row: dict[str, Any], types: Mapping[str, Any]) -> None:
    if row.keys() != types.keys():
        raise ValueError(f"keys {', '.join(sorted(row))}")
    for key, kind in types.items():
        if not isinstance(row[key], kind):
            raise ValueError(f"{key}: another type")


@contextmanager
def open_log(path: Path) -> Iterator[AnswerLog]:
    """Open a log to read and to append to it.

    Raises:
        UserError: it cannot be written, or another program's file has its name.
    """
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        file = path.open("r+b")
    try:
        yield AnswerLog(path, file)
    finally:
        with _writing(path):
            file.close()


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error
