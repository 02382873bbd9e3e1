"""Read the records of a section, memory-mapped: no image is decoded, no text is tokenised."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from grounding.errors import UserError
from train.cached.pixel_levels import CHANNELS, Patches, to_values
from train.cached.section import (
    DAMAGED,
    DROPPED,
    IMAGE,
    IMAGE_BLOCKS,
    IMAGE_NAMES,
    IMAGES,
    KEPT,
    LEVELS,
    RECORD,
    RECORD_IMAGES,
    RECORDS,
    TEXT,
    SectionCard,
    read_section_card,
)

OPEN_BLOCKS = 256
"""Blocks of pixels that a process keeps mapped."""

ROW_KEY = "grounding_cached"
"""The key of an example of PaddleFormers under which its place in a cache is."""

POSITIONS = "grounding_positions"
"""The attribute of a sequence with its positions in time, height and width."""


@dataclass(frozen=True)
class CachedRow:
    """A record's place in a cache: the section's folder, and its number among the file's records."""

    folder: str
    number: int


class SectionImages:
    """The images of a section. The section need not be finished."""

    def __init__(self, folder: Path, patch: int, temporal: int) -> None:
        self._folder, self._patch, self._temporal = folder, patch, temporal
        self.table = np.load(folder / IMAGES, mmap_mode="r")
        self._levels = np.load(folder / LEVELS)

    def values(self, number: int) -> Any:
        """Return the pixel values of an image, (patches, 3 x frames x patch size squared) in float32."""
        image = self.table[number]
        count = int(image["grid"].prod())
        pixels = self._patch**2
        start = int(image["offset"])
        block = _map_block(self._folder / IMAGE_BLOCKS / f"{int(image['block']):05}.bin")
        patches: Patches = block[start : start + count * CHANNELS * pixels].reshape(count, CHANNELS, pixels)
        return to_values(patches, self._levels, self._temporal)

    def grids(self, numbers: Any) -> Any:
        """Return frames, rows and columns of patches of images, (images, 3) in int64."""
        return self.table["grid"][numbers].astype(np.int64)


class Section:
    """The records of a finished section."""

    def __init__(self, folder: Path, card: SectionCard) -> None:
        self.card = card
        self.images = SectionImages(folder, card.patch, card.temporal)
        self._folder = folder
        self.records = np.load(folder / RECORDS, mmap_mode="r")
        self._numbers = np.load(folder / RECORD_IMAGES, mmap_mode="r")
        has_text = card.sizes[TEXT] > 0
        self._text = np.memmap(folder / TEXT, np.int32, "r") if has_text else np.empty(0, np.int32)
        if self.records.dtype != RECORD or self.images.table.dtype != IMAGE:
            raise UserError(f"{folder}: no section of a cache: remove it, and make the cache again")
        self._deletes_longer = card.settings.get("truncation_strategy") == "delete"

    def kept_tokens(self, number: int, limit: int, *, decode: bool = True) -> int:
        """Return how many tokens a run keeps of a record, 0 if it drops it.

        Without `decode`, a record whose image is damaged behind a sound header counts, as in RecordMeter.
        """
        record = self.records[number]
        length, state = int(record["length"]), int(record["state"])
        is_kept = state == KEPT or (state == DAMAGED and not decode)
        return length if is_kept and (length <= limit or not self._deletes_longer) else 0

    def dropped(self, limit: int) -> int:
        """Return how many records a run drops that reads no record of more than `limit` tokens."""
        states, lengths = self.records["state"], self.records["length"]
        too_long = (states == KEPT) & (lengths > limit) & self._deletes_longer
        return int(((states == DAMAGED) | (states == DROPPED) | too_long).sum())

    def arrays(self, number: int) -> tuple[Any, Any, Any]:
        """Return a record's token ids, labels, and positions (3, length), in int32."""
        record = self.records[number]
        start, length = int(record["start"]), int(record["length"])
        numbers = self._text[start : start + 5 * length]
        return numbers[:length], numbers[length : 2 * length], numbers[2 * length :].reshape(3, length)

    def image_numbers(self, number: int) -> Any:
        """Return the numbers of a record's images."""
        record = self.records[number]
        first = int(record["first_image"])
        return self._numbers[first : first + int(record["images"])]

    def image_inputs(self, number: int) -> dict[str, Any]:
        """Return pixel values and grids of a record's images as the image processor does; empty for none."""
        import paddle

        numbers = self.image_numbers(number)
        if not len(numbers):
            return {}
        values = [self.images.values(image) for image in numbers]
        return {
            "pixel_values": paddle.to_tensor(values[0] if len(values) == 1 else np.concatenate(values)),
            "image_grid_thw": paddle.to_tensor(self.images.grids(numbers)),
        }

    def image_names(self) -> Iterator[str]:
        """Yield the names of all images, as the records write them."""
        with (self._folder / IMAGE_NAMES).open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def is_stored(example: Mapping[str, Any]) -> bool:
    """Tell whether a cache has what a record was encoded to; it has nothing of records that are dropped."""
    row: CachedRow | None = example.get(ROW_KEY)
    return row is not None and int(open_section(row.folder).records[row.number]["state"]) == KEPT


def read_sequence(example: Mapping[str, Any], number: int, limit: int) -> Any:
    """Return what PaddleFormers' data set makes of a stored record; None if it is longer than `limit`."""
    from paddleformers.datasets.SFTDataset import Sequence

    row: CachedRow = example[ROW_KEY]
    section = open_section(row.folder)
    if not section.kept_tokens(row.number, limit):
        return None
    tokens, labels, positions = section.arrays(row.number)
    sequence = Sequence(
        token_ids=tokens.tolist(),
        position_ids=list(range(len(tokens))),
        labels=labels.tolist(),
        num_examples=number,
        images=example.get("images", []),
        videos=example.get("videos", []),
        audios=example.get("audios", []),
        mm_inputs=section.image_inputs(row.number),
    )
    setattr(sequence, POSITIONS, positions)
    return sequence


@cache
def open_section(folder: str) -> Section:
    """Return a finished section; a process opens it once.

    Raises:
        UserError: it is not finished, or a file of it is not as its card says.
    """
    card = read_section_card(Path(folder))
    if card is None:
        raise UserError(f"{folder}: the cache is not finished: repeat the command that makes it")
    return Section(Path(folder), card)


def forget_open_sections() -> None:
    """Let sections be opened anew, when their files were made again in this process."""
    open_section.cache_clear()
    _map_block.cache_clear()


@lru_cache(maxsize=OPEN_BLOCKS)
def _map_block(file: Path) -> Any:
    return np.memmap(file, np.uint8, "r")
