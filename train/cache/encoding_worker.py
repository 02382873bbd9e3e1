"""What a process of `python -m train.cache` does: encode blocks of images and of records."""

import os
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from train.cache.image_encoding import write_image_block
from train.cache.record_encoding import RecordEncoder
from train.cached.section import IMAGES, LEVELS
from train.cached.section_reader import SectionImages
from train.preflight.cache_fit.record_encoder import open_encoder, settings_of_encoder
from train.preflight.encode import quiet_encoding
from train.recipe import TrainRecipe

PARENT_SECONDS = 1.0
"""A process looks so often whether the command that started it still runs."""


@dataclass(frozen=True)
class EncodingTask:
    """A block to encode: images by their names, or records by the byte where they begin and their images.

    `size` is the number of images or records.
    """

    folder: Path
    file: Path
    number: int
    names: tuple[str, ...] = ()
    start: int = 0
    image_numbers: tuple[list[int], ...] = ()

    @property
    def size(self) -> int:
        """The number of images or records of the block."""
        return len(self.names) + len(self.image_numbers)


_opened: dict[str, Any] = {}
"""The encoder of this process."""


def start_worker(values: Mapping[str, Any]) -> None:
    """Prepare a process for the blocks of a recipe; it ends when the command that started it has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command itself hears Ctrl-C, and waits for the blocks
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    recipe = TrainRecipe(values)
    dataset = open_encoder(recipe)
    settings_of_encoder(dataset, recipe)  # lets records be as long as they are
    use_encoder(dataset)


def use_encoder(dataset: Any) -> None:
    """Let blocks be encoded by a data set in this process."""
    _opened["dataset"] = dataset
    _encoder.cache_clear()
    _levels.cache_clear()


def encode_block(task: EncodingTask) -> int:
    """Encode and write a block; return the number of its images or records.

    Raises:
        UserError: something in it cannot be cached, or the disk is full.
    """
    dataset = _opened["dataset"]
    with quiet_encoding():
        if task.names:
            levels = _levels(task.folder)
            write_image_block(dataset, levels, task.folder, task.number, task.names, task.file.parent)
        else:
            stamp = (task.folder / IMAGES).stat().st_mtime_ns
            encoder = _encoder(task.folder, task.file, stamp)
            encoder.write_block(task.folder, task.number, task.start, task.image_numbers)
    return task.size


@cache
def _levels(folder: Path) -> Any:
    return np.load(folder / LEVELS)


@lru_cache(maxsize=1)
def _encoder(folder: Path, file: Path, stamp: int) -> RecordEncoder:
    del stamp  # another table of images is another section
    dataset = _opened["dataset"]
    images = dataset.processor.image_processor
    return RecordEncoder(
        dataset, file, SectionImages(folder, int(images.patch_size), int(images.temporal_patch_size))
    )


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    os._exit(1)
