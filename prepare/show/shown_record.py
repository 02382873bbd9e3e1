"""One record as the model sees it in training: image at its resolution, boxes, and text with its tokens."""

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from grounding.answers.asked import Asked
from grounding.answers.candidate_numbers import NUMBER_SIGN
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
CANDIDATE_COLOUR = "#696969"
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
    is_dashed: bool = False


@dataclass(frozen=True)
class ShownPicture:
    """An image of a record: `data` is a data URL, `size` the training resolution, `tokens` their number.

    `candidates` are the numbered ones that its question lists. Boxes are never those of a view.
    """

    image: str
    data: str
    original: Size
    size: Size
    tokens: int
    boxes: tuple[ShownBox, ...]
    candidates: tuple[ShownBox, ...] = ()
    is_view: bool = False


@dataclass(frozen=True)
class ShownRecord:
    """What the page shows of a record.

    A replayed conversation can have no picture. In `text`, plain pieces and special tokens alternate; the
    first piece is plain. `region` is in words what a question for words is about, "" for other records.
    """

    line: int
    pictures: tuple[ShownPicture, ...]
    problems: tuple[str, ...]
    text: tuple[str, ...]
    region: str = ""


def show_record(
    folder: Path, line: int, row: dict[str, Any], min_pixels: int, max_pixels: int
) -> ShownRecord:
    """Return a record with its images at training resolution; boxes are read back from the answers' text.

    Raises:
        ValueError: not a record, an image that training refuses, or one outside the data set's folder.
        OSError: an image cannot be read.
    """
    record = parse_record(row)
    if not record.images:
        return ShownRecord(line, (), (), tuple(_TOKEN.split(_chat_text(record, ()))))
    seen = [_see(folder, name, min_pixels, max_pixels) for name in record.images]
    sizes = [Size(*picture.size) for _, picture in seen]
    answers = record.read_answers(Asked(tuple(sizes[: len(record.pictures)])))
    found = (*answers.detections, *_stated_region(record, sizes[0]))
    pictures = tuple(
        ShownPicture(
            name,
            _data_url(picture),
            original,
            size,
            size.width * size.height // DEFAULT_FAMILY.pixels_per_token,
            _place_boxes(found, size, place),
            _place_candidates(record, size) if place == 0 else (),
            place >= len(record.pictures),
        )
        for place, (name, (original, picture), size) in enumerate(
            zip(record.images, seen, sizes, strict=True)
        )
    )
    return ShownRecord(
        line,
        pictures,
        answers.problems,
        tuple(_TOKEN.split(_chat_text(record, [picture.tokens for picture in pictures]))),
        _region_in_words(record.region) if record.region else "",
    )


def _see(folder: Path, name: str, min_pixels: int, max_pixels: int) -> tuple[Size, Image.Image]:
    """Return the size of an image and its pixels at training resolution."""
    if not lies_inside(folder / name, folder):
        raise ValueError(f"{name} lies outside the data set's folder")
    if not is_regular(folder / name):
        raise ValueError(f"no image {name}")
    with open_picture(folder / name) as image:
        original = upright_size(image)
        size = DEFAULT_FAMILY.training_size(original, min_pixels, max_pixels)
        pixels = model_pixels(image).resize((size.width, size.height), Image.Resampling.BICUBIC)
    return original, pixels


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


def _place_boxes(detections: Sequence[Detection], size: Size, picture: int) -> tuple[ShownBox, ...]:
    """Place the boxes and labels of one picture; each label has one colour in all of them."""
    labels = list(dict.fromkeys(detection.label for detection in detections))
    colours = {label: COLOURS[number % len(COLOURS)] for number, label in enumerate(labels)}
    return tuple(
        _place_box(detection, colours[detection.label], size)
        for detection in detections
        if detection.picture == picture
    )


def _place_candidates(record: Record, size: Size) -> tuple[ShownBox, ...]:
    """Place the candidates of a question, thinner than objects, with their numbers in the lower right corner.

    Labels of objects stand at the upper left.
    """
    found = () if record.candidates is None else record.candidates.boxes_in(size)
    placed = []
    for number, box in enumerate(found, start=1):
        text = f"{NUMBER_SIGN}{number}"
        plain = _place_box(Detection(text, box), CANDIDATE_COLOUR, size)
        font = plain.font * 0.8
        text_x = max(0.0, box.x2 - plain.line - 0.6 * font * len(text))
        thin = replace(plain, line=plain.line / 2, font=font, text_x=text_x, text_y=box.y2 - plain.line)
        placed.append(replace(thin, is_dashed=True))
    return tuple(placed)


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


def _chat_text(record: Record, tokens: Sequence[int]) -> str:
    """Return the conversation as the template qwen3_vl_nothink writes it, images as numbers of tokens."""
    start, end, token = DEFAULT_FAMILY.image_tokens
    counts = iter(tokens)

    def image(match: re.Match[str]) -> str:
        count = next(counts, None)
        return match.group() if count is None else f"{start}{token} × {count}{end}"

    return "".join(
        f"{TURN_START}{turn.role}\n{re.sub(IMAGE_PLACEHOLDER, image, turn.text)}{TURN_END}\n"
        for turn in record.turns
    )
