"""One run at a time in a folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from grounding.errors import UserError

LOCK_FILE = ".preparing.lock"


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Make the folder and hold it for one run; a killed run's hold ends with it.

    Raises:
        UserError: another run has the folder, or it cannot be made.
    """
    path = folder / LOCK_FILE
    try:
        descriptor = _open_locked(path)
    except BlockingIOError as error:
        raise UserError(
            f"output_dir: another run is preparing {folder} at this moment: wait, or choose another one"
        ) from error
    except OSError as error:
        raise UserError(f"output_dir: {folder}: cannot be written: {error.strerror or error}") from error
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()  # while it is held: who waits for this very file finds that it is gone
            folder.rmdir()  # a run that failed before it wrote anything leaves nothing
        os.close(descriptor)


def clear_stale_lock(folder: Path) -> None:
    """Remove the lock file of a run that was killed when it had just finished; not that of one alive."""
    if (folder / LOCK_FILE).exists():
        with suppress(UserError), only_run(folder):
            pass


def _open_locked(path: Path) -> int:
    """Return a descriptor of the locked file, which is still the one at its path.

    Raises:
        BlockingIOError: somebody else has it.
    """
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except FileNotFoundError:
            continue  # the other run has just taken its empty folder away
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    return descriptor
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)
