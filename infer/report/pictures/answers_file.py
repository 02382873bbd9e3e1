"""answers.jsonl: what a model said about each picture of a folder, appended as it comes.

A process that was killed has lost nothing but the answers that it was waiting for. The rules are not in it:
other rules judge the same answers, and nothing is asked again.
"""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO, Any

from typing_extensions import TypedDict

from grounding.boxes import Size
from grounding.errors import UserError
from grounding.files import check_types, parse_json
from grounding.predictions.prediction_rows import parse_detection, written_detection
from infer.report.pictures.answered_picture import AnsweredPicture, FileIdentity, own_words

ANSWERS_FILE = "answers.jsonl"


class _AnswerRow(TypedDict):
    file: str
    sha256: str
    bytes: int
    modified_ns: int
    size: list[int] | None
    detections: list[dict[str, Any]]
    problems: list[str]
    is_readable: bool
    answered: str
    raw: str


def answer_row(picture: AnsweredPicture, raw: str) -> dict[str, Any]:
    """Return the row of a picture; `raw` is the text of the answer."""
    return {
        "file": picture.name,
        "sha256": picture.identity.sha256,
        "bytes": picture.identity.length,
        "modified_ns": picture.identity.modified_ns,
        "size": None if picture.size is None else [picture.size.width, picture.size.height],
        "detections": [written_detection(found) for found in picture.detections],
        "problems": list(picture.problems),
        "is_readable": picture.is_readable,
        "answered": picture.answered,
        "raw": raw,
    }


def read_answers(path: Path, folder: Path) -> list[AnsweredPicture]:
    """Read the answers about the pictures of a folder; a line that was cut off at the end is removed.

    Raises:
        UserError: a line that is no answer, or the file cannot be read or written.
    """
    pictures: list[AnsweredPicture] = []
    try:
        with path.open("r+b") as file:
            for number, line in enumerate(iter(file.readline, b""), start=1):
                if not line.endswith(b"\n"):
                    file.seek(-len(line), 1)
                    file.truncate()
                    break
                pictures.append(_parse(line, folder, f"{path}, line {number}"))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    return pictures


def _parse(line: bytes, folder: Path, where: str) -> AnsweredPicture:
    try:
        row: _AnswerRow = parse_json(line)
        check_types(row, _AnswerRow)
        if row["file"].startswith("/") or ".." in PurePosixPath(row["file"]).parts:
            raise ValueError(f"file: {row['file'][:80]} is not inside the folder of the report")
        width, height = row["size"] or (1, 1)
        if min(width, height) < 1:
            raise ValueError(f"size: {row['size']} is not that of a picture")
        detections = tuple(map(parse_detection, row["detections"]))
        return AnsweredPicture(
            row["file"],
            folder / row["file"],
            FileIdentity(row["sha256"], row["bytes"], row["modified_ns"]),
            Size(width, height) if row["size"] else None,
            detections,
            own_words(detections),
            tuple(row["problems"]),
            row["is_readable"],
            row["answered"],
        )
    except (ValueError, KeyError) as error:
        raise UserError(f"{where}: not an answer ({error}): set overwrite=true to ask again") from error


def append_lines(file: IO[bytes], path: Path, lines: Iterable[bytes]) -> None:
    """Append whole lines in a single write.

    Raises:
        UserError: it cannot be written.
    """
    try:
        file.write(b"".join(lines))
        file.flush()
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error
