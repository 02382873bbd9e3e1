"""Reading JSON, and writing files that are complete or absent: written beside, then renamed.

What is read may come from strangers: only regular files are opened (a pipe would block for ever), lines and
levels are bounded, and `find_outside` finds paths that leave a folder.
"""

import codecs
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from grounding.errors import UserError

MOST_LEVELS = 64
"""Levels of lists and objects in JSON. Records need five; a thousand exhaust the stack of a reader."""

LONGEST_LINE = 1 << 24
"""Characters of a line of JSON lines, enough for 100,000 boxes. A line is in memory several times."""

BLOCK = 1 << 20
"""Bytes of a file that are in memory at a time."""

FIRST_BYTES = 1 << 20
"""Bytes of a text file that are looked at to tell its encoding."""


class DeepJsonError(ValueError):
    """JSON has more levels than `MOST_LEVELS`."""

    def __init__(self) -> None:
        super().__init__(f"more than {MOST_LEVELS} levels of lists and objects")


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file beside `path` for writing, and rename it to `path` if the block raises nothing.

    The block should only write: an OSError in it is reported as an error of this file.

    Raises:
        UserError: the disk is full, or the folder cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # nothing was opened, or it was renamed
            beside.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8; the file is complete or not there."""
    with replacing(path) as file:
        file.write(text.encode("utf-8"))


def write_json(path: Path, content: Any) -> None:
    """Write JSON with an indent of two and a final newline; the file is complete or not there."""
    write_text(path, json.dumps(content, ensure_ascii=False, indent=2) + "\n")


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write each row as a line of JSON; the file is complete or not there."""
    with replacing(path) as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False).encode("utf-8") + b"\n")


def link_or_copy(source: Path, target: Path) -> None:
    """Hard-link a file, in place of what `target` is; copy it where no link is possible.

    Raises:
        UserError: the target cannot be written.
    """
    if target.exists() and target.samefile(source):
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        os.link(source.resolve(), target)
    except OSError:
        with source.open("rb") as original, replacing(target) as copy:
            shutil.copyfileobj(original, copy)


def find_outside(paths: Iterable[Path], folder: Path) -> Iterator[Path]:
    """Yield the paths that lie outside a folder once symbolic links are followed; they need not exist."""
    root = os.path.realpath(folder)
    parents: dict[
        Path, str
    ] = {}  # following the links of every path from the top would take most of the time
    inside: dict[str, bool] = {}
    for path in paths:
        try:
            if ".." in path.parts or path.is_symlink():
                parent, name = os.path.split(os.path.realpath(path))
            else:
                parent, name = parents.get(path.parent) or os.path.realpath(path.parent), path.name
                parents[path.parent] = parent
        except (OSError, ValueError):  # a zero byte, or a name that is too long: it names nothing
            continue
        if parent not in inside:
            inside[parent] = os.path.commonpath((root, parent)) == root
        if not inside[parent] and os.path.join(parent, name) != root:  # noqa: PTH118
            yield path


def lies_inside(path: Path, folder: Path) -> bool:
    """Tell whether a path lies inside a folder once symbolic links are followed."""
    return not any(find_outside((path,), folder))


def is_regular(path: Path) -> bool:
    """Tell whether a path is a regular file; a name that no file system takes is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long, or with a zero byte
        return False


def is_unicode(text: str) -> bool:
    """Tell whether a text can be written as UTF-8: it has no half of a surrogate pair."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def is_deep(content: Any) -> bool:
    """Tell whether JSON content has more levels than `MOST_LEVELS`."""
    level = [content]
    for _ in range(MOST_LEVELS):
        level = [
            child
            for item in level
            if isinstance(item, (list, dict))
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, (list, dict))
        ]
        if not level:
            return False
    return True


def parse_json(text: str | bytes) -> Any:
    """Parse JSON from a stranger.

    Raises:
        DeepJsonError: more levels than `MOST_LEVELS`.
        ValueError: not JSON, or a text that UTF-8 cannot write.
    """
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise DeepJsonError from error
    if is_deep(content):
        raise DeepJsonError
    escape = b"\\u" if isinstance(text, bytes) else "\\u"
    if escape in text and not is_unicode(json.dumps(content, ensure_ascii=False)):  # type: ignore[operator]
        raise ValueError("a text with half of a surrogate pair, such as \\ud83d alone")
    return content


def check_types(content: Any, schema: Any) -> None:
    """Check content from JSON against a type, such as a TypedDict.

    Raises:
        ValueError: another type; the message names the place, such as `images[3].id`.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        TypeAdapter(schema).validate_python(content, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
        place = "".join(parts).lstrip(".")
        raise ValueError(
            f"no {place}" if first["type"] == "missing" else f"{place}: {first['msg']}"
        ) from error


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        UserError: no such file, or not JSON.
    """
    try:
        _check_regular(path)
        return parse_json(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except (ValueError, OSError) as error:
        raise UserError(f"{path}: not readable as JSON: {error}") from error


def read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the line number, from 1, and the object of every line that is not blank.

    Raises:
        UserError: no such file, or a line that is not a JSON object, or longer than `LONGEST_LINE`.
    """
    number = 0
    try:
        _check_regular(path)
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), ""), start=1):
                if len(line) > LONGEST_LINE:
                    raise UserError(
                        f"{path}, line {number}: longer than {LONGEST_LINE:,} characters: "
                        "is it one JSON object a line?"
                    )
                if line.strip():
                    row = parse_json(line)
                    if not isinstance(row, dict):
                        raise UserError(f"{path}, line {number}: not a JSON object")
                    yield number, row
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: {find_encoding_problem(path) or error}") from error
    except OSError as error:
        raise UserError(f"{path}: not readable as JSON lines: {error}") from error
    except ValueError as error:
        raise UserError(f"{path}, line {number}: not readable as JSON lines: {error}") from error


def find_encoding_problem(path: Path) -> str | None:
    """Say what another encoding a text file is likely in; None if its first MiB is UTF-8.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(FIRST_BYTES)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(content, final=len(content) < FIRST_BYTES)
    except UnicodeDecodeError as error:
        return f"byte {error.start} is not UTF-8, {likely_encoding(content)}: convert the file to UTF-8"
    return None


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def likely_encoding(content: bytes) -> str:
    """Say which encoding a text that is not UTF-8 is likely in."""
    try:
        codecs.getincrementaldecoder("gb18030")().decode(content, final=len(content) < FIRST_BYTES)
    except UnicodeDecodeError:
        return "perhaps Latin-1"
    return "perhaps GBK"


def _check_regular(path: Path) -> None:
    """Refuse what blocks or never ends when it is read, such as a pipe or a device.

    Raises:
        FileNotFoundError: nothing is there.
        OSError: it is no regular file.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError("not a regular file")
