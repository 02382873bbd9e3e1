"""Which files Pillow opens with the allowed formats."""

import io

import pytest
from PIL import Image, UnidentifiedImageError

from grounding.images.image_formats import EXTENSIONS, IMAGE_FORMATS


@pytest.mark.parametrize("name", EXTENSIONS)
def test_every_format_of_the_list_opens(name: str) -> None:
    file = io.BytesIO()
    picture = Image.new("RGB", (4, 3))
    more = {"save_all": True, "append_images": [picture]} if name == "MPO" else {}
    picture.save(file, name, **more)
    with Image.open(file, formats=IMAGE_FORMATS) as opened:
        assert (opened.format, opened.size) == (name, (4, 3))


@pytest.mark.parametrize("name", ["EPS", "PPM", "PDF", "TGA", "PCX"])
def test_no_other_format_opens(name: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (4, 3)).save(file, name)
    with pytest.raises(UnidentifiedImageError):
        Image.open(file, formats=IMAGE_FORMATS)
