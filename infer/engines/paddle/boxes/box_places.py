"""Where in the tokens of an answer its boxes are written."""

from collections.abc import Sequence
from dataclasses import dataclass

from grounding.answers.reader import read_answer
from grounding.answers.spellings.loose_json import read_shares
from grounding.answers.spellings.plain_characters import in_plain_characters
from grounding.boxes import Size
from grounding.samples import Span
from infer.engines.protocol import Token
from infer.engines.token_places import TokenPlaces

UNIT = Size(1, 1)
"""Boxes on an image of this size are shares of its width and height."""


@dataclass(frozen=True)
class WrittenPlaces:
    """A box of an answer: its span in the text, its label, and xyxy as shares of the image.

    `places` are those of the tokens whose states `models.heads.box.PLACES` names.
    """

    span: Span
    label: str
    shares: tuple[float, float, float, float]
    places: tuple[int, ...]


def box_places(text: str, tokens: Sequence[str], *, in_thought: bool) -> list[WrittenPlaces]:
    """Return the boxes of an answer in the order of its detections.

    `tokens` are the texts of its tokens; `text` is what is left of them where the engine has cut it.

    Coordinates are on the 0..1000 grid. A box that is not written as four numbers is left out, and one
    without a label counts its first token as the label's end.
    """
    found = TokenPlaces([Token(part, 0.0) for part in tokens])
    plain = in_plain_characters(text)
    reading = read_answer(text, UNIT, thinks=in_thought)
    boxes = []
    for detection, spans in zip(reading.detections, reading.spans, strict=True):
        if not spans:
            continue
        span = spans[-1]
        numbers = [found.of_span(number.span) for number in read_shares(plain[slice(*span)], span[0])]
        own = found.of_span(span)
        if len(numbers) != 4 or not all(numbers) or not own:
            continue
        label = found.of_span(spans[0]) if len(spans) > 1 else own[:1]
        if not label:
            continue
        before = [max(number.start - 1, 0) for number in numbers]
        boxes.append(WrittenPlaces(span, detection.label, detection.box.xyxy, (label[-1], own[-1], *before)))
    return boxes
