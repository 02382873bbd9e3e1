"""The usable boxes of a detector, sorted to the images that they are about."""

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import NamedTuple

from grounding.boxes import Box, Size
from grounding.errors import UserError
from grounding.images.box_check import BoxCheck

OUTSIDE = "candidate is outside its image"
NO_AREA_ON_GRID = "candidate has no area on the grid"
TWICE = "candidate is listed twice"

REMEDY = "write bbox as x, y, width, height in pixels of the original picture"


class DetectedBox(NamedTuple):
    """A box of a detector in pixels of the upright picture; label and score are None where unknown."""

    box: Box
    label: str | None
    score: float | None


@dataclass
class DetectorResults:
    """The usable boxes of a detector by the keys of their images, and why others are not used.

    Keys are ids, and paths or names as the rows have them. `fingerprint` is a hash of the files. `used` are
    the keys of the images that were asked for.
    """

    where: str
    fingerprint: str
    boxes: dict[int | str, list[DetectedBox]] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    used: set[int | str] = field(default_factory=set)
    _check: BoxCheck = field(default_factory=lambda: BoxCheck("xywh", "pixels", REMEDY))

    def of(self, size: Size, image_id: int | None, *names: str) -> tuple[DetectedBox, ...] | None:
        """Return the boxes of an image, by the first of its names or its id that the file has; None without.

        A name counts with its folders first, then without them, then without its ending. `size` is that of
        the image, to check what the numbers mean.

        Raises:
            UserError: the file has several images of this name in different folders.
        """
        for name in names:
            path = PurePosixPath(name)
            if str(path) in self.boxes:
                return self._take(str(path), size)
            for key in (path.name, path.stem):
                if len(keys := self._short.get(key, ())) > 1:
                    raise UserError(f"{self.where}: several images are named {key}: write ids or other names")
                if keys:
                    return self._take(keys[0], size)
        return self._take(image_id, size) if image_id in self.boxes else None

    def _take(self, key: int | str | None, size: Size) -> tuple[DetectedBox, ...]:
        assert key is not None  # it is in the table
        if key not in self.used:
            self.used.add(key)
            for item in self.boxes[key]:
                self._check.add(item.box.xywh, size, f"{self.where}, image {key}")
        return tuple(self.boxes[key])

    def check_boxes(self) -> None:
        """Judge the boxes of all images that were asked for.

        Raises:
            UserError: their numbers cannot be x, y, width and height in pixels.
        """
        self._check.finish()

    @property
    def unused_images(self) -> int:
        """The number of images of the file that nobody has asked for."""
        return len(self.boxes) - len(self.used)

    @property
    def first_image(self) -> int | str:
        """The key of the file's first image, for messages."""
        return next(iter(self.boxes), "none")

    @cached_property
    def _short(self) -> dict[str, list[str]]:
        """The names in the file by their last part, with its ending and without."""
        short: dict[str, list[str]] = {}
        for name in self.boxes:
            if isinstance(name, str):
                for key in {PurePosixPath(name).name, PurePosixPath(name).stem}:
                    short.setdefault(key, []).append(name)
        return short
