"""Scenes drawn as pictures."""

import io

from PIL import Image, ImageDraw

from prepare.shapes.scenes import COLOUR_VALUES, SUPERSAMPLING, Scene, ShapeSettings

GROUND = (128, 128, 128)
"""Grey is 0 after the image processor's normalisation, which lets a small model learn fastest."""


def render_scene(scene: Scene, settings: ShapeSettings) -> Image.Image:
    """Return a scene as an RGB image; shapes fill their boxes."""
    side = settings.image_size * SUPERSAMPLING
    image = Image.new("RGB", (side, side), GROUND)
    canvas = ImageDraw.Draw(image)
    scale = side // settings.cells
    for index, box in scene:
        colour, shape = settings.classes[index].split(" ")
        x1, y1, x2, y2 = (edge * scale for edge in box)
        right, bottom = x2 - 1, y2 - 1  # Pillow's far edges are inside the shape
        middle_x, middle_y = (x1 + right) / 2, (y1 + bottom) / 2
        corners: dict[str, list[tuple[float, float]]] = {
            "square": [(x1, y1), (right, y1), (right, bottom), (x1, bottom)],
            "triangle": [(middle_x, y1), (right, bottom), (x1, bottom)],
            "diamond": [(middle_x, y1), (right, middle_y), (middle_x, bottom), (x1, middle_y)],
        }
        if shape == "circle":
            canvas.ellipse((x1, y1, right, bottom), fill=COLOUR_VALUES[colour])
        else:
            canvas.polygon(corners[shape], fill=COLOUR_VALUES[colour])
    return image.reduce(SUPERSAMPLING)


def encode_png(image: Image.Image) -> bytes:
    """Return an image as the bytes of a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=9)
    return buffer.getvalue()
