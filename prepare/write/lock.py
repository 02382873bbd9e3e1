"""One run at a time in a folder."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from grounding.errors import UserError

LOCK_FILE = ".preparing.lock"


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Create the folder and lock it for one run; the lock of a killed run ends with its process.

    Raises:
        UserError: another run has the folder, or it cannot be created.
    """
    lock = _acquire(folder)
    try:
        yield
    finally:
        with suppress(OSError):
            # Removed while it is held: a run that opened this file sees that it is gone, and tries again.
            (folder / LOCK_FILE).unlink()
            folder.rmdir()  # only succeeds if the run failed before it wrote anything
        lock.release()


def clear_stale_lock(folder: Path) -> None:
    """Remove the lock file of a run that was killed just after it had finished; leave that of a live run."""
    if (folder / LOCK_FILE).exists():
        with suppress(UserError), only_run(folder):
            pass


def _acquire(folder: Path) -> FileLock:
    lock = FileLock(folder / LOCK_FILE, fallback_to_soft=False)
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(blocking=False)
            return lock
        except FileNotFoundError:
            continue  # another run has just removed its empty folder
        except Timeout as error:
            raise UserError(
                f"output_dir: another run is preparing {folder} at this moment: wait, or choose another one"
            ) from error
        except OSError as error:
            raise UserError(f"output_dir: {folder}: cannot be written: {error.strerror or error}") from error
