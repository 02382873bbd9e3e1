"""Images inside a request."""

import base64
import os
from pathlib import Path

import pytest

from grounding.errors import UserError
from infer.engines.openai.data_url import data_url


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"\xff\xd8\xff\xe0....", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"RIFF....WEBP", "image/webp"),
        (b"GIF89a", "image/gif"),
        (b"BM....", "image/bmp"),
    ],
    ids=["jpeg", "png", "webp", "gif", "bmp"],
)
def test_the_media_type_is_that_of_the_bytes_not_of_the_name(
    tmp_path: Path, content: bytes, media_type: str
) -> None:
    image = tmp_path / "picture.jpg"
    image.write_bytes(content)
    assert data_url(image) == f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.jpg").write_text("<html>", encoding="utf-8")
    with pytest.raises(UserError, match=r"page\.jpg: none of image/jpeg"):
        data_url(tmp_path / "page.jpg")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "picture.jpg")
    with pytest.raises(UserError, match=r"picture\.jpg: no regular file"):
        data_url(tmp_path / "picture.jpg")
    with pytest.raises(UserError, match=r"none\.jpg: cannot be read: No such file"):
        data_url(tmp_path / "none.jpg")
