"""What passes between the steps: a source's image with its objects, and a model's answer read."""

from dataclasses import dataclass, field

from grounding.boxes import Box, Size

Span = tuple[int, int]
"""A part of a text: the place of its first character, and the one behind its last."""


@dataclass(frozen=True)
class Detection:
    """One object: its label, its box in original pixels, and a score where there is any."""

    label: str
    box: Box
    score: float | None = None


@dataclass(frozen=True)
class Sample:
    """One image of a data set with its objects.

    `image` is the file's path relative to the data set's folder; `areas` are the objects' areas in
    square pixels as the source states them (COCO: of the segment), in the order of `detections`.
    With an `expression` (a phrase or a category), the sample is one question about the image: `detections`
    are what the expression means (none: nothing matches, and `negative` tells how it was chosen), and
    `image_id` is the question's own, as several can share an image.
    `crowds` are regions full of objects of a label, with `crowd_areas`: no answer names them, and a
    scorer takes no detection inside them for wrong.
    """

    image_id: int
    image: str
    size: Size
    detections: tuple[Detection, ...]
    areas: tuple[float, ...]
    expression: str | None = None
    crowds: tuple[Detection, ...] = ()
    crowd_areas: tuple[float, ...] = ()
    negative: str | None = None


@dataclass(frozen=True)
class Reading:
    """What could be read out of an answer's text, and the named problems of what could not.

    `spans` are the parts of the text that each detection was read from: its label, where it has one, and
    its box. Several boxes can share a label.
    """

    detections: tuple[Detection, ...]
    problems: tuple[str, ...]
    spans: tuple[tuple[Span, ...], ...] = field(default=(), compare=False)
