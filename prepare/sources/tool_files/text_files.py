"""Whole annotation files as JSON, and large ones as CSV rows."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import is_regular, parse_json
from prepare.sources.lookup.text_encoding import decode_text
from prepare.sources.shared.file_patterns import first_line
from prepare.sources.shared.listed import UnreadableError, read_annotation


def load_json(path: Path) -> Any:
    """Return the content of a JSON file with the annotations of many images.

    Raises:
        UserError: no regular file, or not JSON.
    """
    check_regular(path)
    try:
        return parse_json(decode_text(path.read_bytes()))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as JSON: {first_line(error)}") from error


def load_small_json(path: Path) -> Any:
    """Return the content of a JSON file with the annotations of one image.

    Raises:
        UnreadableError: it cannot be read, or is not JSON.
    """
    try:
        return parse_json(decode_text(read_annotation(path)))
    except (OSError, ValueError) as error:
        raise UnreadableError(f"{path}: not readable as JSON: {first_line(error)}") from error


def read_csv(path: Path, needed: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and values of every row of a CSV file with a header.

    Raises:
        UserError: it cannot be read, columns are missing, or a row has another number of values.
    """
    rows = read_plain_csv(path)
    header = [name.strip().lstrip("#") for name in next(rows, (1, []))[1]]
    if missing := [name for name in needed if name not in header]:
        raise UserError(f"{path}: no column {', '.join(missing)}; there are {', '.join(header) or 'none'}")
    for line, row in rows:
        if row and len(row) != len(header):
            raise UserError(f"{path}, line {line}: {len(row)} values, and the header has {len(header)}")
        if row:
            yield line, dict(zip(header, row, strict=True))


def read_plain_csv(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and values of every row of a CSV file that may have no header.

    Raises:
        UserError: it cannot be read.
    """
    check_regular(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            for row in rows:
                yield rows.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not readable as CSV in UTF-8: {first_line(error)}") from error


def has_columns(path: Path, needed: Sequence[str]) -> bool:
    """Tell whether the first line of a CSV file names these columns."""
    try:
        header = next(read_plain_csv(path), (1, []))[1] if is_regular(path) else []
    except UserError:
        return False
    return set(needed) <= {name.strip().lstrip("#") for name in header}


def check_regular(path: Path) -> None:
    """Refuse what blocks or never ends when it is read, such as a pipe.

    Raises:
        UserError: the path is there, and no regular file.
    """
    if path.exists() and not is_regular(path):
        raise UserError(f"{path}: not a regular file")
