"""Answers of a run under way: appended as they come, a line an image, and put in order at the end."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from grounding.errors import UserError
from grounding.files import replacing


@contextmanager
def open_part(path: Path) -> Iterator[IO[bytes]]:
    """Open a part file to append to it, for this process alone.

    Raises:
        UserError: another process has it open, or it cannot be written.
    """
    try:
        with path.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UserError(
                    f"{path}: another process is writing it: wait for its end, or set another output_dir"
                ) from error
            yield file
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error


def append_rows(file: IO[bytes], rows: dict[int, bytes]) -> None:
    """Append rows (with their line breaks) by the place of their questions, all in one write."""
    file.write(b"".join(b"%d\t%s" % (place, row) for place, row in rows.items()))
    file.flush()


def rows_in(path: Path, file: IO[bytes], questions: int) -> dict[int, bytes]:
    """Return the rows at hand by the place of their questions, and cut off what a killed run left torn."""
    rows: dict[int, bytes] = {}
    whole = 0
    for line in path.read_bytes().splitlines(keepends=True):
        place, tab, row = line.partition(b"\t")
        if not (line.endswith(b"\n") and tab and place.isdigit() and int(place) < questions):
            break
        rows[int(place)] = row
        whole += len(line)
    file.truncate(whole)
    return rows


def write_in_order(path: Path, rows: dict[int, bytes]) -> None:
    """Write the rows in the order of their questions, whole or not at all."""
    with replacing(path) as file:
        file.writelines(rows[place] for place in sorted(rows))
