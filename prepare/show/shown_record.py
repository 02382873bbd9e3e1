"""One record as the model sees it in training: image at its resolution, boxes, and text with its tokens."""

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from grounding.boxes import Size, from_grid
from grounding.files import is_regular, lies_inside
from grounding.images.pixels import model_pixels, open_picture, upright_size
from grounding.markup import IMAGE_PLACEHOLDER
from grounding.record.conversation import Record, parse_record
from grounding.regions.region_mark import Region
from grounding.samples import Detection
from grounding.yes_no.shown_box import TEXT
from models.lookup import DEFAULT_FAMILY

COLOURS = ("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080", "#9a6324", "#f032e6", "#808000")
JPEG_QUALITY = 88

TURN_START, TURN_END = "<|im_start|>", "<|im_end|>"
_TOKEN = re.compile(r"(<\|[a-z_]+\|>(?: × [0-9]+)?)")


@dataclass(frozen=True)
class ShownBox:
    """A box with its label, in pixels of the training resolution; `line` is the width of its outline."""

    x: float
    y: float
    width: float
    height: float
    line: float
    colour: str
    label: str
    text_x: float
    text_y: float
    font: float


@dataclass(frozen=True)
class ShownRecord:
    """What the page shows of a record.

    `picture` is a data URL, `size` the training resolution, `tokens` the number of image tokens; a replayed
    conversation can have no picture: then `image` and `picture` are "", and both sizes 0. In `text`, plain
    pieces and special tokens alternate; the first piece is plain. `region` is in words what a question for
    words is about, "" for other records.
    """

    line: int
    image: str
    picture: str
    original: Size
    size: Size
    tokens: int
    boxes: tuple[ShownBox, ...]
    problems: tuple[str, ...]
    text: tuple[str, ...]
    region: str = ""


def show_record(
    folder: Path, line: int, row: dict[str, Any], min_pixels: int, max_pixels: int
) -> ShownRecord:
    """Return a record with its image at training resolution; boxes are read back from the answers' text.

    Raises:
        ValueError: not a record, an image that training refuses, or one outside the data set's folder.
        OSError: the image cannot be read.
    """
    record = parse_record(row)
    if not record.images:
        none = Size(0, 0)
        text = tuple(_TOKEN.split(_chat_text(record, 0)))
        return ShownRecord(line, "", "", none, none, 0, (), (), text)
    if not lies_inside(folder / record.image, folder):
        raise ValueError(f"{record.image} lies outside the data set's folder")
    if not is_regular(folder / record.image):
        raise ValueError(f"no image {record.image}")
    with open_picture(folder / record.image) as image:
        original = upright_size(image)
        size = DEFAULT_FAMILY.training_size(original, min_pixels, max_pixels)
        seen = model_pixels(image).resize((size.width, size.height), Image.Resampling.BICUBIC)
    tokens = size.width * size.height // DEFAULT_FAMILY.pixels_per_token
    answers = record.read_answers(size)
    stated = _stated_region(record, size)
    return ShownRecord(
        line,
        record.image,
        _data_url(seen),
        original,
        size,
        tokens,
        _place_boxes((*answers.detections, *stated), size),
        answers.problems,
        tuple(_TOKEN.split(_chat_text(record, tokens))),
        _region_in_words(record.region) if record.region else "",
    )


def _stated_region(record: Record, size: Size) -> tuple[Detection, ...]:
    """Return the region that the text of a question for words states: no picture shows it."""
    if record.region is None or record.region.show != TEXT:
        return ()
    return (Detection(record.answers[0], from_grid(*record.region.box, size)),)


def _region_in_words(region: Region) -> str:
    name = f" ({region.label})" if region.label else ""
    what = f"asks for words about {list(region.box)}{name} of {region.image}, shown as {region.show}"
    return f"{what}; true: {' | '.join(region.phrases)}"


def _data_url(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _place_boxes(detections: Sequence[Detection], size: Size) -> tuple[ShownBox, ...]:
    """Place boxes and labels; each label has one colour."""
    labels = list(dict.fromkeys(detection.label for detection in detections))
    colours = {label: COLOURS[number % len(COLOURS)] for number, label in enumerate(labels)}
    return tuple(_place_box(detection, colours[detection.label], size) for detection in detections)


def _place_box(detection: Detection, colour: str, size: Size) -> ShownBox:
    longest = max(size.width, size.height)
    x, y, width, height = detection.box.xywh
    line = longest / 320
    # A generous guess of the text's width keeps long expressions inside the picture.
    letters = sum(1.0 if character > "\u2e7f" else 0.6 for character in detection.label)
    font = min(longest / 36, size.width / max(letters, 1))
    text_x = max(0.0, min(x + line, size.width - letters * font))
    text_y = y - line if y > font * 1.2 else y + font
    return ShownBox(x, y, width, height, line, colour, detection.label, text_x, text_y, font)


def _chat_text(record: Record, tokens: int) -> str:
    """Return the conversation as the template qwen3_vl_nothink writes it, the image as a number of tokens."""
    start, end, token = DEFAULT_FAMILY.image_tokens
    image = f"{start}{token} × {tokens}{end}"
    return "".join(
        f"{TURN_START}{turn.role}\n{turn.text.replace(IMAGE_PLACEHOLDER, image)}{TURN_END}\n"
        for turn in record.turns
    )
