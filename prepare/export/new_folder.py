"""A folder that is complete or absent: written beside, then renamed."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from grounding.errors import UserError


@contextmanager
def new_folder(output_dir: Path) -> Iterator[Path]:
    """Yield an empty folder beside `output_dir`, which takes its place if the block raises nothing.

    What a killed run has left beside it is removed first.

    Raises:
        UserError: output_dir holds something, another run is writing it, or it cannot be written.
    """
    output_dir = output_dir.absolute()
    beside = output_dir.with_name(f".{output_dir.name}.exporting")
    lock = FileLock(beside.with_name(f"{beside.name}.lock"), fallback_to_soft=False)
    try:
        output_dir.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout as error:
        raise UserError(
            f"output_dir: another run is writing {output_dir}: wait, or choose another one"
        ) from error
    except OSError as error:
        raise _unwritable(output_dir, error) from error
    try:
        if beside.exists():
            shutil.rmtree(beside)
        beside.mkdir()
        yield beside
        check_free(output_dir)
        os.sync()
        beside.replace(output_dir)
    except OSError as error:
        raise _unwritable(output_dir, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)  # nothing is there if it was renamed
        with suppress(OSError):
            Path(lock.lock_file).unlink()  # while it is held
        lock.release()


def check_free(output_dir: Path) -> None:
    """Check that a folder is not there, or empty.

    Raises:
        UserError: it is a file, or holds something.
    """
    if os.path.lexists(output_dir) and (output_dir.is_symlink() or not output_dir.is_dir()):
        raise UserError(f"output_dir: {output_dir} is no folder: choose another one")
    if output_dir.is_dir() and (present := sorted(path.name for path in output_dir.iterdir())):
        raise UserError(
            f"output_dir: {output_dir} holds {', '.join(present[:3])}{', ...' if len(present) > 3 else ''}: "
            "choose another one, or remove it"
        )


def _unwritable(output_dir: Path, error: OSError) -> UserError:
    place = f" ({error.filename})" if error.filename else ""
    return UserError(f"output_dir: {output_dir}: cannot be written: {error.strerror or error}{place}")
