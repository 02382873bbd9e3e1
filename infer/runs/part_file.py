"""The answers of an unfinished run: appended as they come, one line per image, and sorted at the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout

from grounding.errors import UserError
from grounding.files import replacing


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes from writing a part file; the lock of a killed process ends with it.

    Raises:
        UserError: another process is writing it, or the folder cannot be written.
    """
    lock_path = path.with_name(f"{path.name}.lock")
    lock = FileLock(lock_path, blocking=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise UserError(
            f"{path}: another process is writing it: wait for its end, or set another output_dir"
        ) from error
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock_path.unlink(missing_ok=True)  # still locked: whoever has opened it sees that it is gone
        lock.release()


class PartFile:
    """An open part file; a line is the place of a question in the run, a tab, and the row of its answer."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        """Take a file that is open for appending."""
        self._path, self._file = path, file

    def append(self, rows: dict[int, bytes]) -> None:
        """Append rows (with their line breaks) by the place of their questions, in a single write.

        Raises:
            UserError: it cannot be written.
        """
        with _writing(self._path):
            self._file.write(b"".join(b"%d\t%s" % (place, row) for place, row in rows.items()))
            self._file.flush()

    def recover(self, questions: int) -> dict[int, bytes]:
        """Return the rows by the place of their questions; an incomplete line at the end is cut off."""
        rows: dict[int, bytes] = {}
        whole = 0
        with _writing(self._path):
            for line in self._path.read_bytes().splitlines(keepends=True):
                place, tab, row = line.partition(b"\t")
                if not (line.endswith(b"\n") and tab and place.isdigit() and int(place) < questions):
                    break
                rows[int(place)] = row
                whole += len(line)
            self._file.truncate(whole)
        return rows


@contextmanager
def open_part(path: Path) -> Iterator[PartFile]:
    """Open a part file to append to it.

    Raises:
        UserError: it cannot be written.
    """
    with _writing(path):
        file = path.open("ab")
    try:
        yield PartFile(path, file)
    finally:
        with _writing(path):  # closing writes what an append could not
            file.close()


def write_in_order(path: Path, rows: dict[int, bytes]) -> None:
    """Write the rows in the order of their questions, whole or not at all."""
    with replacing(path) as file:
        file.writelines(rows[place] for place in sorted(rows))


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn the errors of writing a file into a UserError."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error
