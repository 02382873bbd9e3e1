"""The check refuses what Pillow's decoding refuses, and nothing else: files that are whole, cut, changed."""

import io
import random
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile

from grounding.images.image_formats import IMAGE_FORMATS
from grounding.images.pixels import UNREADABLE
from prepare.reasons import IMAGE_DOES_NOT_DECODE, IMAGE_TOO_LARGE, UnusableImageError
from prepare.write import pixel_check
from prepare.write.image_files import ImageCheck, check_image
from prepare.write.pixel_check import without_pixels

CHECK = ImageCheck(verify="decode", exif="stored")


def picture(mode: str = "RGB", width: int = 38, height: int = 30) -> Image.Image:
    """Return noise over a slope: all tables of an encoder are used, and bytes FF are frequent."""
    chance = np.random.default_rng(0)
    slope = np.linspace(0, 160, width * height).reshape(height, width, 1)
    pixels = (slope + chance.integers(0, 90, (height, width, 3))).astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


def save(kind: str, mode: str = "RGB", size: tuple[int, int] = (38, 30), **options: Any) -> bytes:
    file = io.BytesIO()
    picture(mode, *size).save(file, kind, **options)
    return file.getvalue()


def with_exif() -> bytes:
    exif = Image.Exif()
    exif[0x010E] = "a description with \xff\xd9 in it, and a preview " + "x" * 40
    return save("JPEG", exif=exif, icc_profile=b"\xff\xd9\xff\xda" * 20, comment=b"\xff\xda\xff\xd9")


JPEGS = {
    "usual": save("JPEG"),
    "best": save("JPEG", quality=97, subsampling=0),
    "4:2:2": save("JPEG", subsampling=1),
    "4:2:0": save("JPEG", subsampling=2),
    "worst": save("JPEG", quality=3),
    "optimized": save("JPEG", optimize=True),
    "progressive": save("JPEG", progressive=True),
    "progressive, restarts": save("JPEG", progressive=True, restart_marker_blocks=1),
    "restarts": save("JPEG", restart_marker_blocks=2),
    "restarts per row": save("JPEG", restart_marker_rows=1, quality=95),
    "grey": save("JPEG", "L"),
    "grey, progressive": save("JPEG", "L", progressive=True),
    "CMYK": save("JPEG", "CMYK"),
    "CMYK, progressive": save("JPEG", "CMYK", progressive=True),
    "RGB kept": save("JPEG", keep_rgb=True),
    "EXIF, profile, comment": with_exif(),
    "two pictures": save("MPO", save_all=True, append_images=[picture("L")]),
    "one pixel": save("JPEG", size=(1, 1)),
}

LARGE = {
    "usual": save("JPEG", size=(400, 300), quality=95),
    "progressive": save("JPEG", size=(400, 300), quality=95, progressive=True),
    "restarts": save("JPEG", size=(400, 300), quality=95, restart_marker_rows=1),
}
"""Larger than the 64 KiB that Pillow gives a decoder at once."""

OTHERS = {
    "PNG": save("PNG"),
    "PNG, palette": save("PNG", "P"),
    "PNG, grey": save("PNG", "L"),
    "PNG, bits": save("PNG", "1"),
    "WEBP": save("WEBP"),
    "WEBP, lossless": save("WEBP", lossless=True),
    "GIF": save("GIF", "P"),
    "BMP": save("BMP"),
    "BMP, palette": save("BMP", "P"),
}


def decodes(data: bytes) -> bool:
    """Tell whether Pillow decodes all pixels of a file, at their full size."""
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=IMAGE_FORMATS) as image:
            warnings.simplefilter("ignore")
            image.load()
    except UNREADABLE:
        return False
    return True


def is_taken(data: bytes) -> bool:
    try:
        check_image(data, None, CHECK)
    except UnusableImageError as error:
        return error.reason not in (IMAGE_DOES_NOT_DECODE, IMAGE_TOO_LARGE)
    return True


def damaged(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Yield files with a few bytes changed, dropped, doubled, or a piece repeated or cut out."""
    chance = random.Random(seed)
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(chance.choice((1, 1, 1, 2, 5))):
            place, length = chance.randrange(len(changed)), chance.choice((1, 1, 2, 7, 90))
            piece = changed[place : place + length]
            markers = bytes((0xFF, chance.choice((0, 1, 0x30, *range(0xC0, 0x100)))))
            fillings = (chance.randbytes(len(piece)), b"", piece * 2, markers, piece[:1] + markers, b"\xff")
            changed[place : place + length] = chance.choice(fillings)
        yield bytes(changed)


def compare(files: Iterator[bytes]) -> tuple[int, int]:
    """Return how many files decode and do not, after comparing the check with the decoder on each."""
    verdicts = []
    for data in files:
        verdicts.append(decodes(data))
        assert is_taken(data) == verdicts[-1], data.hex()
    return sum(verdicts), len(verdicts) - sum(verdicts)


@pytest.mark.parametrize("name", JPEGS)
def test_whole_jpeg_files_are_taken_without_their_pixels(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []
    load = ImageFile.ImageFile.load

    def watched(image: ImageFile.ImageFile) -> Any:
        decoded.append(len(image.fp.read()))
        return load(image)

    monkeypatch.setattr(ImageFile.ImageFile, "load", watched)
    segments = without_pixels(JPEGS[name])
    assert segments is not None
    assert is_taken(JPEGS[name])
    assert len(decoded) == 1
    assert decoded[0] <= len(segments)


@pytest.mark.parametrize("name", JPEGS)
def test_jpeg_files_cut_at_any_byte(name: str) -> None:
    data = JPEGS[name]
    whole, cut = compare(data[:length] for length in range(1, len(data)))
    assert cut > whole


@pytest.mark.parametrize("name", JPEGS)
def test_jpeg_files_with_damage(name: str) -> None:
    whole, broken = compare(damaged(JPEGS[name], 400, seed=1))
    assert whole > 20
    assert broken > 20


@pytest.mark.parametrize("name", LARGE)
def test_jpeg_files_that_a_decoder_gets_in_pieces(name: str) -> None:
    data, chance = LARGE[name], random.Random(2)
    assert len(data) > ImageFile.MAXBLOCK
    whole, _ = compare(damaged(data, 100, seed=3))
    assert whole > 20
    _, cut = compare(data[: chance.randrange(1, len(data))] for _ in range(40))
    assert cut == 40


@pytest.mark.parametrize("name", OTHERS)
def test_other_files(name: str) -> None:
    data, chance = OTHERS[name], random.Random(4)
    assert is_taken(data)
    _, broken = compare(damaged(data, 150, seed=5))
    assert broken > 5
    compare(data[: chance.randrange(1, len(data))] for _ in range(60))


def test_rare_frames_and_odd_files_are_left_to_the_decoder() -> None:
    data = JPEGS["usual"]
    frame, scan = data.index(b"\xff\xc0"), data.index(b"\xff\xda")
    assert without_pixels(data) is not None
    for marker in (0xC3, 0xC9, 0xCA):  # lossless, arithmetic coding
        assert without_pixels(data[: frame + 1] + bytes((marker,)) + data[frame + 2 :]) is None
    assert without_pixels(data[:-2]) is None
    assert without_pixels(data[:scan] + data[-2:]) == without_pixels(data)[:scan] + data[-2:]
    assert without_pixels(b"") is None
    assert without_pixels(JPEGS["usual"][2:]) is None
    assert without_pixels(OTHERS["PNG"]) is None
    assert without_pixels(data[:scan] + b"\x00" + data[scan:]) is None
    assert without_pixels(data[: scan + 2] + b"\x00\x00" + data[scan + 4 :]) is None


def test_a_view_is_checked_as_bytes_are() -> None:
    for data in (*JPEGS.values(), *OTHERS.values()):
        assert check_image(memoryview(data), None, CHECK) == check_image(data, None, CHECK)
        assert without_pixels(memoryview(data)) == without_pixels(data)
    assert pixel_check.JPEG_FORMATS == ("JPEG", "MPO")
