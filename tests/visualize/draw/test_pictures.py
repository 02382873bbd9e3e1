import io

import numpy as np
import pytest
from PIL import EpsImagePlugin, ExifTags, Image, ImageDraw, ImageOps

from grounding.boxes import Box, Size
from grounding.errors import UserError
from grounding.samples import Detection
from visualize.draw.pictures import SHOWN_FORMATS, open_image, resized, to_rgb, turn_box, upright


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV"])
def test_every_mode_becomes_rgb(mode):
    assert to_rgb(Image.new(mode, (20, 10))).mode == "RGB"
    assert to_rgb(Image.new(mode, (20, 10))).size == (20, 10)


def test_colours_survive():
    red = Image.new("RGB", (8, 8), (255, 0, 0))
    assert to_rgb(red.convert("CMYK")).getpixel((3, 3)) == (255, 0, 0)
    assert to_rgb(red.convert("P", palette=Image.Palette.ADAPTIVE)).getpixel((3, 3)) == (255, 0, 0)
    assert to_rgb(Image.new("RGBA", (8, 8), (255, 0, 0, 0))).getpixel((3, 3)) == (255, 255, 255)


def test_a_palette_with_a_transparent_colour_shows_white_there():
    file = io.BytesIO()
    image = Image.new("P", (4, 4), 0)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.putpixel((1, 1), 1)
    image.save(file, "PNG", transparency=0)
    opened = to_rgb(Image.open(file))
    assert opened.getpixel((0, 0)) == (255, 255, 255)
    assert opened.getpixel((1, 1)) == (255, 0, 0)


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_deep_greys_are_stretched(mode):
    deep = np.array([[100, 2100, 4100]], dtype=np.uint16)
    image = Image.fromarray(deep) if mode == "I;16" else Image.fromarray(deep.astype(np.int32)).convert(mode)
    assert [to_rgb(image).getpixel((x, 0))[0] for x in range(3)] == [0, 128, 255]
    assert to_rgb(Image.new(mode, (3, 3))).getpixel((1, 1)) == (0, 0, 0)


@pytest.mark.parametrize("orientation", range(10))
def test_boxes_turn_with_the_picture_as_pillow_turns_it(orientation):
    box = Box(5, 3, 12, 9)
    stored = Image.new("L", (30, 20), 0)
    ImageDraw.Draw(stored).rectangle((5, 3, 11, 8), fill=255)
    stored.getexif()[ExifTags.Base.Orientation] = orientation
    picture, ((turned,),) = upright(stored, [Detection("a", box, 0.5)])
    assert picture.size == ImageOps.exif_transpose(stored).size
    assert picture.getbbox() == tuple(int(value) for value in turned.box.xyxy)
    assert turned.score == 0.5
    assert turn_box(box, Size(30, 20), orientation) == turned.box


def test_the_orientation_of_a_file_is_found():
    file = io.BytesIO()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.new("L", (30, 20)).save(file, "JPEG", exif=exif)
    assert upright(Image.open(file))[0].size == (20, 30)


def test_the_given_image_is_left_as_it_was():
    image = Image.new("RGB", (30, 20))
    picture, _ = upright(image)
    picture.putpixel((0, 0), (1, 2, 3))
    assert image.getpixel((0, 0)) == (0, 0, 0)


def test_boxes_follow_another_size():
    picture, ((item,),) = resized(
        Image.new("RGB", (64, 32)), Size(640, 160), [Detection("a", Box(1, 2, 3, 4))]
    )
    assert picture.size == (640, 160)
    assert item.box == Box(10, 10, 30, 20)


def test_an_image_enlarged_much_keeps_its_hard_edges():
    image = Image.new("RGB", (4, 4), (0, 0, 0))
    image.putpixel((1, 1), (255, 255, 255))
    picture, _ = resized(image, Size(40, 40))
    assert {color for _, color in picture.getcolors()} == {(0, 0, 0), (255, 255, 255)}


def test_the_usual_formats_are_opened_and_postscript_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(
        EpsImagePlugin, "Ghostscript", lambda *_, **__: pytest.fail("an interpreter was called")
    )
    path = tmp_path / "x"
    for name in SHOWN_FORMATS:
        Image.new("RGB", (9, 9)).save(path, name)
        assert open_image(path, Size(9, 9)).format == name
    Image.new("RGB", (9, 9)).save(path, "MPO", save_all=True, append_images=[Image.new("RGB", (9, 9))])
    assert open_image(path).size == (9, 9)
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n")
    with Image.open(path) as opened:
        assert opened.format == "EPS"  # Pillow itself would take it
    with pytest.raises(UserError, match="not readable as an image"):
        open_image(path)
