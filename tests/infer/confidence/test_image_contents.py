import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grounding.errors import UserError
from infer.confidence.image_contents import hash_image, hash_images


def write(path: Path, seed: int = 0, size: tuple[int, int] = (6, 4)) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_a_hash_follows_the_pixels_not_the_file(tmp_path: Path) -> None:
    first = write(tmp_path / "first.png")
    again = tmp_path / "again.bmp"
    with Image.open(first) as picture:
        picture.save(again)
    shutil.copyfile(first, tmp_path / "copy.png")
    assert hash_image(first) == hash_image(again) == hash_image(tmp_path / "copy.png")
    assert hash_image(first) != hash_image(write(tmp_path / "other.png", seed=1))


def test_the_shape_counts(tmp_path: Path) -> None:
    wide, high = (tmp_path / f"{name}.png" for name in ("wide", "high"))
    Image.new("RGB", (6, 4)).save(wide)
    Image.new("RGB", (4, 6)).save(high)
    assert hash_image(wide) != hash_image(high)


def test_each_file_has_its_hash(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{number}.png", number) for number in range(9)]
    assert hash_images([*paths, paths[0]], "reading") == {path: hash_image(path) for path in paths}


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    path = tmp_path / "torn.png"
    path.write_bytes(b"torn")
    with pytest.raises(UserError, match=r"torn\.png: not usable as an image"):
        hash_images([path], "reading")
