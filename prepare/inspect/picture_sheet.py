"""Nine pictures of a source on one sheet, with the boxes and labels that its annotations state."""

import importlib.util
import io
import warnings
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from grounding.boxes import Box
from grounding.errors import printable
from grounding.images.pixels import UNREADABLE, model_pixels, read_pixels
from grounding.samples import Detection
from prepare.inspect.images_looked_at import ImageLookedAt, open_data
from prepare.questions.objects import ObjectReader
from prepare.reasons import UnusableImageError
from prepare.source_types import Frame
from prepare.sources.signs.folder_listing import spread

PICTURES, COLUMNS = 9, 3
WIDTH, HEIGHT, CAPTION, GAP = 480, 360, 26, 8
"""Pixels that a picture has at most, of the line of text below it, and between two of them."""

TEXT, LINE = 16, 3
LONGEST_LABEL, LONGEST_CAPTION = 40, 54
"""Characters."""

Rect = tuple[float, float, float, float]

PAPER, INK = (255, 255, 255), (30, 30, 30)

COLORS = (
    *((230, 25, 75), (0, 130, 200), (60, 180, 75), (245, 130, 48)),
    *((145, 30, 180), (0, 128, 128), (170, 110, 40), (128, 0, 0)),
)

FONT = ("mplfonts", "fonts/NotoSansCJKsc-Regular.otf")
"""A font with Chinese characters: the installed package, and the file in it."""


def choose_pictures(images: Sequence[ImageLookedAt]) -> list[ImageLookedAt]:
    """Return nine images spread over the source; those without boxes fill what is left."""
    usable = [image for image in images if image.fault is None]
    drawn = [image for image in usable if any(query.objects.boxes for query in image.annotation.queries)]
    chosen = spread(drawn, PICTURES)
    return [*chosen, *spread([image for image in usable if image not in chosen], PICTURES - len(chosen))]


def draw_sheet(images: Sequence[ImageLookedAt], reader: ObjectReader, exif: str) -> bytes:
    """Return the sheet as a PNG; boxes lie where preparing with this `exif` would put them."""
    drawn = [_draw_one(image, reader, exif) for image in images]
    rows = [drawn[start : start + COLUMNS] for start in range(0, len(drawn), COLUMNS)]
    heights = [max(picture.height for picture in row) + GAP for row in rows]
    sheet = Image.new("RGB", (len(rows[0]) * (WIDTH + GAP) + GAP, sum(heights) + GAP), PAPER)
    for number, row in enumerate(rows):
        for column, picture in enumerate(row):
            sheet.paste(picture, (GAP + column * (WIDTH + GAP), GAP + sum(heights[:number])))
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()


def _draw_one(image: ImageLookedAt, reader: ObjectReader, exif: str) -> Image.Image:
    """Return a picture scaled into its place, with its boxes, and its name below."""
    try:
        picture = _pixels(image)
        found = _detections(image, reader, exif)
    except (*UNREADABLE, UnusableImageError) as error:
        picture, found = Image.new("RGB", (WIDTH, HEIGHT), PAPER), []
        ImageDraw.Draw(picture).text((0, HEIGHT // 2), f"{error}"[:LONGEST_CAPTION], INK, _font())
    scale = min(WIDTH / picture.width, HEIGHT / picture.height)
    shown = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))
    place = Image.new("RGB", (WIDTH, shown.height + CAPTION), PAPER)
    place.paste(shown, (0, 0))
    draw = ImageDraw.Draw(place)
    _draw_boxes(draw, found, scale)
    name = printable(image.annotation.name, keep="")
    tail = name if len(name) <= LONGEST_CAPTION else f"...{name[-LONGEST_CAPTION:]}"
    count = f"{len(found)} box{'' if len(found) == 1 else 'es'}"
    draw.text((0, shown.height + 2), f"{tail}: {count}", INK, _font())
    return place


def _draw_boxes(draw: ImageDraw.ImageDraw, found: Sequence[Detection], scale: float) -> None:
    labels = sorted({each.label for each in found})
    colors = {label: COLORS[number % len(COLORS)] for number, label in enumerate(labels)}
    for each in sorted(found, key=lambda each: -each.box.area):
        x1, y1, x2, y2 = (value * scale for value in each.box.xyxy)
        draw.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=colors[each.label], width=LINE)
    taken: list[tuple[str, Rect]] = []
    for each in sorted(found, key=lambda each: -each.box.area):
        text = printable(each.label, keep="")
        text = text if len(text) <= LONGEST_LABEL else f"{text[:LONGEST_LABEL]}..."
        rect = _label_place(draw.textlength(text, _font()), each.box, scale)
        is_named = any(label == each.label for label, _ in taken)
        if is_named and any(_overlap(rect, other) for _, other in taken):
            continue  # another box of this colour has the label
        taken.append((each.label, rect))
        draw.rectangle(rect, fill=colors[each.label])
        draw.text((rect[0] + 3, rect[1]), text, PAPER, _font())


def _label_place(length: float, box: Box, scale: float) -> Rect:
    """Return where a label goes: above its box, or inside where there is no room above."""
    width, height = length + 6, TEXT + 5
    left = max(0.0, min(box.x1 * scale, WIDTH - width))
    top = box.y1 * scale - height if box.y1 * scale >= height else box.y1 * scale
    return left, top, left + width, top + height


def _overlap(one: Rect, other: Rect) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _pixels(image: ImageLookedAt) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about odd metadata
        if isinstance(image.data, Path):
            return read_pixels(image.data)
        with open_data(image.data) as opened:
            return model_pixels(opened)


def _detections(image: ImageLookedAt, reader: ObjectReader, exif: str) -> list[Detection]:
    """Return the boxes in the upright picture; of expressions, the text is the label."""
    if image.size is None:
        return []
    upright = image.size.turned(image.orientation)
    frame = Frame(upright) if exif == "turned" else Frame(image.size, image.orientation)
    found = []
    for query in image.annotation.queries:
        objects = reader.read(query, frame)
        for each in (*objects.detections, *objects.crowds):
            found.append(Detection(query.expression or each.label, each.box))
    return found


@lru_cache
def _font() -> "ImageFont.FreeTypeFont | ImageFont.ImageFont":
    spec = importlib.util.find_spec(FONT[0])
    path = Path(spec.origin).parent / FONT[1] if spec and spec.origin else None
    if path is None or not path.is_file():
        return ImageFont.load_default(TEXT)
    return ImageFont.truetype(str(path), TEXT, layout_engine=ImageFont.Layout.BASIC)
