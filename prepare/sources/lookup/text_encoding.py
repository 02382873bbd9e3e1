"""Text files of annotation tools: UTF-8 with or without a byte order mark, or UTF-16 with one."""

import codecs
from pathlib import Path

from grounding.files import likely_encoding
from prepare.sources.shared.listed import UnreadableError, read_annotation


def decode_text(content: bytes) -> str:
    """Return the text of a file.

    Raises:
        ValueError: another encoding; the message says which is likely and what to do.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"byte {error.start} is not UTF-8, {likely_encoding(content)}: convert the file to UTF-8"
        ) from error


def annotation_lines(path: Path) -> list[str]:
    """Return the lines of the annotation file of one image.

    Raises:
        FileNotFoundError: there is none.
        UnreadableError: it cannot be read, or is in another encoding.
    """
    try:
        return decode_text(read_annotation(path)).splitlines()
    except ValueError as error:
        raise UnreadableError(f"{path}: {error}") from error
