"""Image files as data URLs, for requests that carry the image itself."""

import base64
from pathlib import Path

from grounding.errors import UserError

SIGNATURES = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG": "image/png",
    b"RIFF": "image/webp",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
}
"""The first bytes of a file of each media type."""


def data_url(image: Path) -> str:
    """Return the bytes of an image file, unchanged, as a data URL.

    Raises:
        UserError: the file cannot be read, or is no image of a known type.
    """
    try:
        if image.exists() and not image.is_file():  # reading a pipe or a device would never end
            raise UserError(f"{image}: no regular file: prepare the data set again")
        content = image.read_bytes()
    except OSError as error:
        raise UserError(f"{image}: cannot be read: {error.strerror or error}") from error
    for signature, media_type in SIGNATURES.items():
        if content.startswith(signature):
            return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"
    raise UserError(f"{image}: none of {', '.join(SIGNATURES.values())}: prepare the data set again")
