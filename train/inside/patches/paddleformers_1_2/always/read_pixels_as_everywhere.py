"""Read images as every other step does.

Upstream: MMPluginMixin._img_download (paddleformers/datasets/template/mm_plugin.py, line 187) opens a file of
    any format and fetches URLs, and line 213 converts it to RGB alone: the EXIF orientation is ignored, the
    noise under an alpha channel is shown, greys of 16 bits become white.
Patch: `grounding.images.pixels.read_pixels` reads the file.
Remove: when PaddleFormers takes pictures that are already decoded.
"""

from grounding.images.pixels import read_pixels


def read_pixels_as_everywhere() -> str:
    """Replace PaddleFormers' reader of image files."""
    from paddleformers.datasets.template.mm_plugin import MMPluginMixin

    MMPluginMixin._img_download = staticmethod(read_pixels)
    return "read_pixels_as_everywhere"
