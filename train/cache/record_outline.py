"""Where the records and images of a file are, found in one pass over its lines."""

from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from grounding.errors import UserError
from train.lengths.image_outlines import REMOTE

RECORDS_IN_BLOCK = 256
"""Records that a process encodes at a time."""


@dataclass
class RecordOutline:
    """The records of a file in its order.

    `names` has each image once, as the records write it, with its number. `starts` are the bytes at which
    blocks of records begin, `image_numbers` the images of all records one after the other, and `image_ends`
    where those of each record end among them.
    """

    names: dict[str, int] = field(default_factory=dict)
    starts: "array[int]" = field(default_factory=lambda: array("q"))
    image_numbers: "array[int]" = field(default_factory=lambda: array("q"))
    image_ends: "array[int]" = field(default_factory=lambda: array("q"))

    @property
    def count(self) -> int:
        """The number of records."""
        return len(self.image_ends)

    def images_of(self, record: int) -> list[int]:
        """Return the numbers of a record's images."""
        first = self.image_ends[record - 1] if record else 0
        return list(self.image_numbers[first : self.image_ends[record]])


def outline_records(file: Path) -> RecordOutline:
    """Read a file of records once.

    Raises:
        UserError: a line that is no JSON object, or a record with what no cache holds: videos, sounds, images
            that are not on this disk.
    """
    import orjson

    found, place = RecordOutline(), 0
    bar = tqdm(total=file.stat().st_size, desc=file.name, unit="B", unit_scale=True, delay=2, disable=None)
    with bar, file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    row = orjson.loads(line)
                except orjson.JSONDecodeError as error:
                    raise UserError(f"{file}, line {number}: not JSON: {error}") from error
                if found.count % RECORDS_IN_BLOCK == 0:
                    found.starts.append(place)
                names = _image_names(row, f"{file}, line {number}")
                found.image_numbers.extend(found.names.setdefault(name, len(found.names)) for name in names)
                found.image_ends.append(len(found.image_numbers))
            place += len(line)
            bar.update(len(line))
    if not found.count:
        raise UserError(f"{file}: has no records")
    return found


def _image_names(row: Any, where: str) -> list[str]:
    """Return the names of a record's images.

    Raises:
        UserError: it is no object, or has what no cache holds.
    """
    if not isinstance(row, dict):
        raise UserError(f"{where}: not a JSON object")
    for kind in ("videos", "audios"):
        if row.get(kind):
            raise UserError(
                f"{where}: has {kind}, which a cache does not hold: train without grounding_cache"
            )
    images = row.get("images")
    names = [name for name in images if isinstance(name, str)] if isinstance(images, list) else []
    for name in names:
        if name.startswith(REMOTE):
            raise UserError(f"{where}: image {name} is not on this disk: download it, and prepare again")
    return names
