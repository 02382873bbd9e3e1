import os
import struct
import zlib

import pytest
from PIL import EpsImagePlugin, ExifTags, Image

from visualize.app.texts import AppError
from visualize.app.uploads.checked_picture import open_upload


def refused(path, megabytes=20.0, megapixels=50.0):
    with pytest.raises(AppError) as caught:
        open_upload(path, megabytes, megapixels)
    return caught.value.key


def png_head(width, height):
    """A PNG that says it is this large and holds next to nothing."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )


def test_a_picture_comes_back_upright_as_rgb(tmp_path):
    image = Image.new("L", (40, 20), 7)
    exif = image.getexif()
    exif[ExifTags.Base.Orientation] = 6
    image.save(tmp_path / "turned.jpg", exif=exif)
    opened = open_upload(tmp_path / "turned.jpg", 20, 50)
    assert (opened.mode, opened.size) == ("RGB", (20, 40))


@pytest.mark.parametrize("side", [8_000, 12_000, 60_000])
def test_a_small_file_with_a_huge_picture_is_not_decoded(tmp_path, side):
    (tmp_path / "bomb.png").write_bytes(png_head(side, side))
    assert refused(tmp_path / "bomb.png") == "many_pixels"


def test_a_large_file_is_not_opened(tmp_path):
    (tmp_path / "large.png").write_bytes(bytes(3_000_000))
    assert refused(tmp_path / "large.png", megabytes=2) == "many_bytes"


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"<svg></svg>", png_head(10, 10), b"\x89PNG\r\n\x1a\n\0\0"]
)
def test_what_is_no_picture_is_said_to_be_none(tmp_path, content):
    (tmp_path / "x.png").write_bytes(content)
    assert refused(tmp_path / "x.png") == "not_a_picture"


def test_no_file_and_a_deleted_file(tmp_path):
    assert refused(None) == "no_picture"
    assert refused(tmp_path / "gone.png") == "gone_picture"


def test_postscript_reaches_no_interpreter(tmp_path, monkeypatch):
    monkeypatch.setattr(
        EpsImagePlugin, "Ghostscript", lambda *_, **__: pytest.fail("an interpreter was called")
    )
    path = tmp_path / "x.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n")
    with Image.open(path) as opened:
        assert opened.format == "EPS"  # Pillow itself would take it
    assert refused(path) == "not_a_picture"


def test_only_a_regular_file_is_opened(tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "x.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "x.png")
    os.mkfifo(tmp_path / "fifo.png")
    for name in ("link.png", "fifo.png", "."):
        assert refused(tmp_path / name) == "gone_picture"
