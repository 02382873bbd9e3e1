"""Read images as every other step does.

Upstream: MMPluginMixin._img_download (paddleformers/datasets/template/mm_plugin.py, line 187) opens a file of
    any format, and line 213 converts it to RGB alone: the EXIF orientation is ignored, the
    noise under an alpha channel is shown, greys of 16 bits become white.
Patch: `grounding.images.pixels.read_pixels` reads the file.
Remove: when PaddleFormers takes pictures that are already decoded.
"""

from pathlib import Path
from typing import Any

from PIL import Image

from grounding.images.image_formats import IMAGE_FORMATS
from grounding.images.pixels import model_pixels, read_pixels


def read_pixels_as_everywhere() -> str:
    """Replace PaddleFormers' reader of image files; what is no file is fetched as before."""
    from paddleformers.datasets.template.mm_plugin import MMPluginMixin

    def read(plugin: Any, image: str) -> Image.Image:
        if Path(image).is_file():
            return read_pixels(image)
        return model_pixels(Image.open(plugin._file_download(image), formats=IMAGE_FORMATS))

    MMPluginMixin._img_download = read
    return "read_pixels_as_everywhere"
