"""Text files of annotation tools: UTF-8 with or without a byte order mark, or UTF-16 with one."""

import codecs

from grounding.files import likely_encoding


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
