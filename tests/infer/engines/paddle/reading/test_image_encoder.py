"""Images encoded once, and never taken for another."""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grounding.errors import UserError
from infer.engines.kept import Kept
from infer.engines.paddle.reading.image_encoder import ImageEncoder
from models.family import EncodedImage


class Reader:
    """Stands for the image processor: the patches are the file's bytes."""

    def __init__(self) -> None:
        self.files: list[Path] = []

    def __call__(self, image: Path) -> EncodedImage:
        self.files.append(image)
        try:
            return EncodedImage(Pixels(image.read_bytes()), None, 1)
        except OSError as error:
            raise UserError(f"{image}: not usable as an image: {error}") from error


class Pixels:
    def __init__(self, content: bytes) -> None:
        self.content, self.size = content, len(content)

    def element_size(self) -> int:
        return 1


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    (tmp_path / "a.png").write_bytes(b"one")
    return tmp_path / "a.png"


def test_a_file_is_encoded_once_in_a_call(picture: Path) -> None:
    read = Reader()
    images = ImageEncoder(read, Kept(0))
    assert images.encode(picture) is images.encode(picture)
    assert read.files == [picture]


def test_files_with_the_same_content_are_one_image(picture: Path, tmp_path: Path) -> None:
    read, kept = Reader(), Kept(100)
    other = Path(shutil.copy(picture, tmp_path / "upload_7f3a"))
    first = ImageEncoder(read, kept).encode(picture)
    images = ImageEncoder(read, kept)
    assert images.encode(other) is images.encode(picture) is first
    assert read.files == [picture]


def test_a_file_that_changed_is_another_image(picture: Path) -> None:
    read, kept = Reader(), Kept(100)
    state = picture.stat()
    ImageEncoder(read, kept).encode(picture)
    picture.write_bytes(b"two")  # as long as before, and with the same time
    os.utime(picture, ns=(state.st_atime_ns, state.st_mtime_ns))
    seen = ImageEncoder(read, kept).encode(picture)
    assert seen.pixel_values.content == b"two"
    picture.write_bytes(b"one")
    assert ImageEncoder(read, kept).encode(picture).pixel_values.content == b"one"
    assert len(read.files) == 2


def test_a_file_that_is_written_meanwhile_is_not_kept(picture: Path) -> None:
    kept = Kept(100)

    def overtaken(image: Path) -> EncodedImage:
        image.write_bytes(b"another")
        return Reader()(image)

    assert ImageEncoder(overtaken, kept).encode(picture).pixel_values.content == b"another"
    picture.write_bytes(b"one")
    assert ImageEncoder(Reader(), kept).encode(picture).pixel_values.content == b"one"


def test_nothing_is_kept_without_room(picture: Path) -> None:
    read, kept = Reader(), Kept(2)
    for _ in range(2):
        ImageEncoder(read, kept).encode(picture)
    assert len(read.files) == 2


def test_a_missing_file_is_said_by_the_one_who_reads_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none.png: not usable as an image"):
        ImageEncoder(Reader(), Kept(100)).encode(tmp_path / "none.png")


def test_patches_count_with_all_their_bytes() -> None:
    import paddle

    pixels: Any = paddle.to_tensor(np.zeros((6, 4), np.float32))
    assert EncodedImage(pixels, None, 1).size == 6 * 4 * 4
