"""What a model sees in files of every kind, and which files every other program reads the same way."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageDraw, ImageOps

from grounding.boxes import Box, Size
from grounding.images.image_formats import EXTENSIONS, IMAGE_FORMATS
from grounding.images.pixels import (
    is_plain,
    model_pixels,
    open_picture,
    orientation_of,
    pixels_as_png,
    read_pixels,
    upright_size,
)

MODES = ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I;16", "I;16B"]
RED = (255, 0, 0)


def stored(image: Image.Image, name: str, orientation: int = 1, **options: Any) -> Image.Image:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    image.save(file, name, exif=exif, **options)
    return Image.open(file, formats=IMAGE_FORMATS)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_becomes_rgb(mode: str) -> None:
    seen = model_pixels(Image.new(mode, (20, 10)))
    assert (seen.mode, seen.size) == ("RGB", (20, 10))


def test_colours_stay() -> None:
    red = Image.new("RGB", (8, 8), RED)
    assert model_pixels(red.convert("CMYK")).getpixel((3, 3)) == RED
    assert model_pixels(red.convert("P", palette=Image.Palette.ADAPTIVE)).getpixel((3, 3)) == RED


def test_alpha_is_laid_on_white() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (8, 8, 4), dtype=np.uint8)
    noise[:4, :, 3], noise[4:, :, 3] = 0, 128
    seen = np.asarray(model_pixels(Image.fromarray(noise)))
    assert (seen[:4] == 255).all()
    blended = (noise[4:, :, :3] * (128 / 255) + 255 * (127 / 255)).round()
    assert np.abs(seen[4:] - blended).max() <= 1


def test_a_palettes_transparent_colour_is_white() -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([0, 0, 0, *RED])
    image.putpixel((1, 1), 1)
    seen = model_pixels(stored(image, "PNG", transparency=0))
    assert (seen.getpixel((0, 0)), seen.getpixel((1, 1))) == ((255, 255, 255), RED)


@pytest.mark.parametrize("name", ["PNG", "TIFF"])
def test_16_bits_keep_the_upper_8_whatever_else_is_in_the_image(name: str) -> None:
    deep = np.array([[0, 255, 256, 0x1234, 0xFFFF]], dtype=np.uint16)
    seen = np.asarray(model_pixels(stored(Image.fromarray(deep), name)))
    assert seen[0, :, 0].tolist() == [0, 0, 1, 0x12, 255]
    dark = np.asarray(model_pixels(stored(Image.fromarray(deep[:, :4]), name)))
    assert (dark == seen[:, :4]).all()


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pixels_without_a_scale_are_refused(mode: str) -> None:
    with pytest.raises(ValueError, match="32 bits"):
        model_pixels(Image.new(mode, (3, 3)))


def test_the_image_itself_is_left_as_it_was() -> None:
    image = Image.new("RGB", (30, 20))
    model_pixels(image).putpixel((0, 0), (1, 2, 3))
    assert image.getpixel((0, 0)) == (0, 0, 0)


@pytest.mark.parametrize("orientation", range(10))
def test_picture_size_and_boxes_turn_alike(orientation: int) -> None:
    image = Image.new("L", (30, 20), 0)
    ImageDraw.Draw(image).rectangle((5, 3, 11, 8), fill=255)
    opened = stored(image, "PNG", orientation)
    seen = model_pixels(opened)
    assert upright_size(opened) == Size(*seen.size)
    turned = Box(5, 3, 12, 9).turned(Size(30, 20), orientation_of(opened))
    assert seen.getbbox() == tuple(map(int, turned.xyxy))
    assert seen.tobytes() == ImageOps.exif_transpose(opened).convert("RGB").tobytes()


@given(
    name=st.sampled_from(sorted(set(EXTENSIONS) - {"MPO"})),
    mode=st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"]),
    orientation=st.integers(0, 9),
    opacity=st.sampled_from([0, 100, 255]),
    seed=st.integers(0, 99),
)
def test_a_plain_file_is_one_that_conversion_alone_reads_the_same_way(
    name: str, mode: str, orientation: int, opacity: int, seed: int
) -> None:
    picture = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (5, 7, 4), dtype=np.uint8))
    picture.putalpha(opacity)
    source = Image.new("I;16", (7, 5), 40_000) if mode == "I;16" else picture.convert(mode)
    try:
        opened = stored(source, name, orientation)
    except (OSError, KeyError, ValueError):  # Pillow cannot write this mode in this format
        return
    if is_plain(opened):
        assert opened.convert("RGB").tobytes() == model_pixels(opened).tobytes()
    else:
        odd = name == "TIFF" or orientation in range(2, 9) or mode == "I;16" or name == "GIF"
        assert odd or opacity < 255


def test_an_animation_shows_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (6, 6), color) for color in (RED, (0, 0, 255))]
    for name in ("GIF", "PNG", "WEBP", "TIFF"):
        frames[0].save(tmp_path / name, name, save_all=True, append_images=frames[1:], lossless=True)
        assert read_pixels(tmp_path / name).getpixel((2, 2)) == RED


def test_a_png_of_the_pixels_is_plain_and_the_same(tmp_path: Path) -> None:
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (6, 9, 4), dtype=np.uint8))
    opened = stored(image, "TIFF", 6)
    (tmp_path / "x.png").write_bytes(pixels_as_png(opened))
    with open_picture(tmp_path / "x.png") as written:
        assert is_plain(written)
        assert written.convert("RGB").tobytes() == model_pixels(opened).tobytes()


@pytest.mark.parametrize("place", ["none", "before", "behind"])
def test_the_orientation_of_a_png_is_found_without_decoding_it(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.new("RGB", (30, 20)).save(tmp_path / "x.png", exif=exif if place != "none" else Image.Exif())
    content = (tmp_path / "x.png").read_bytes()
    if place == "behind":
        start = content.index(b"eXIf") - 4
        end = start + 12 + int.from_bytes(content[start : start + 4], "big")
        last = content.index(b"IEND") - 4
        content = content[:start] + content[end:last] + content[start:end] + content[last:]
    opened = Image.open(io.BytesIO(content))
    if place != "behind":
        monkeypatch.setattr(opened, "load", lambda: pytest.fail("decoded") if place == "none" else None)
    assert orientation_of(opened) == (1 if place == "none" else 6)
    monkeypatch.undo()
    assert model_pixels(opened).size == ((30, 20) if place == "none" else (20, 30))
