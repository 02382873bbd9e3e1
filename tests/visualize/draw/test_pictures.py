import pytest
from PIL import EpsImagePlugin, ExifTags, Image

from grounding.boxes import Box, Size
from grounding.errors import UserError
from grounding.images.image_formats import IMAGE_FORMATS
from grounding.samples import Detection
from visualize.draw.pictures import drawable, open_image, resized


def test_a_box_that_is_not_finite_is_left_out_and_said(caplog: pytest.LogCaptureFixture) -> None:
    items = [Detection("a", Box(1, 2, 3, 4)), Detection("b", Box(1, 2, float("nan"), 4))]
    picture, (kept, none) = drawable(Image.new("L", (30, 20)), items, [])
    assert (picture.mode, kept, none) == ("RGB", (items[0],), ())
    assert "1 boxes with NaN" in caplog.text


def test_the_size_that_counts_is_that_of_the_upright_picture(tmp_path):
    image = Image.new("L", (30, 20))
    image.getexif()[ExifTags.Base.Orientation] = 6
    image.save(tmp_path / "x.png", exif=image.getexif())
    assert drawable(open_image(tmp_path / "x.png", Size(20, 30)))[0].size == (20, 30)
    with pytest.raises(UserError, match="the image is 20x30, the annotations say 30x20"):
        open_image(tmp_path / "x.png", Size(30, 20))


def test_pixels_without_a_scale_are_refused(tmp_path):
    Image.new("F", (3, 3)).save(tmp_path / "x.tif")
    with pytest.raises(UserError, match="not readable as an image: pixels of 32 bits"):
        open_image(tmp_path / "x.tif")


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
    for name in IMAGE_FORMATS:
        Image.new("RGB", (9, 9)).save(path, name)
        assert open_image(path, Size(9, 9)).format == name
    Image.new("RGB", (9, 9)).save(path, "MPO", save_all=True, append_images=[Image.new("RGB", (9, 9))])
    assert open_image(path).size == (9, 9)
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n")
    with Image.open(path) as opened:
        assert opened.format == "EPS"  # Pillow itself would take it
    with pytest.raises(UserError, match="not readable as an image"):
        open_image(path)
