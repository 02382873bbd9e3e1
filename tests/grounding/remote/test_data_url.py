"""Images inside a request."""

import base64
import io
import os
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from grounding.errors import UserError
from grounding.images.pixels import read_pixels
from grounding.remote.data_url import data_url


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_the_media_type_is_that_of_the_bytes_not_of_the_name(tmp_path: Path, name: str) -> None:
    image = tmp_path / "picture.dat"
    Image.new("RGB", (4, 3), (200, 0, 0)).save(image, name)
    content = base64.b64encode(image.read_bytes()).decode()
    assert data_url(image) == f"data:image/{name.lower()};base64,{content}"


def test_a_server_gets_the_pixels_that_our_own_engine_shows(tmp_path: Path) -> None:
    image = tmp_path / "picture.png"
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.new("RGBA", (4, 3), (200, 0, 0, 100)).save(image, exif=exif)
    head, _, content = data_url(image).partition(",")
    assert head == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as sent:
        assert (sent.mode, sent.size) == ("RGB", (3, 4))
        assert sent.tobytes() == read_pixels(image).tobytes()


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.jpg").write_text("<html>", encoding="utf-8")
    with pytest.raises(UserError, match=r"page\.jpg: not usable as an image"):
        data_url(tmp_path / "page.jpg")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "picture.jpg")
    with pytest.raises(UserError, match=r"picture\.jpg: no regular file"):
        data_url(tmp_path / "picture.jpg")
    with pytest.raises(UserError, match=r"none\.jpg: cannot be read: No such file"):
        data_url(tmp_path / "none.jpg")
