"""Make the sections of a cache in several processes; what is there already is not made again."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from grounding.errors import UserError
from grounding.files import file_sha256, replacing
from train.cache.assembly import (
    KEPT_COUNT,
    remove_record_blocks,
    sizes_of,
    write_image_table,
    write_record_tables,
)
from train.cache.block_pool import BlockPool
from train.cache.cache_options import read_cache_options
from train.cache.encoding_worker import EncodingTask
from train.cache.image_encoding import IMAGES_IN_BLOCK, is_block_current
from train.cache.record_encoding import record_block_file
from train.cache.record_outline import RECORDS_IN_BLOCK, RecordOutline, outline_records
from train.cached.fitting_section import other_sections
from train.cached.image_stamps import find_changed_image
from train.cached.pixel_levels import find_levels
from train.cached.section import (
    CARD,
    LEVELS,
    SectionCard,
    Settings,
    read_section_card,
    section_folder,
    write_section_card,
)
from train.cached.section_reader import forget_open_sections, open_section
from train.keys import CACHE_KEY
from train.preflight.cache_fit.cache_keys import cache_keys
from train.preflight.cache_fit.record_encoder import open_encoder, settings_of_encoder
from train.preflight.encode import quiet_encoding
from train.recipe import TrainRecipe

log = logging.getLogger(__name__)

LOCK = ".lock"
MEGABYTE = 1e6


def make_cache(path: Path, words: list[str]) -> str:
    """Encode the records of a recipe, and return what lies in the cache in words.

    Raises:
        UserError: a file or key is wrong, a record cannot be cached, or another command makes this cache.
    """
    options = read_cache_options(path, words)
    recipe = TrainRecipe(options.values)
    if problems := list(cache_keys(replace(recipe, values={**recipe.values, CACHE_KEY: "a folder"}))):
        raise UserError(f"{path}: {'; '.join(problems)}")
    dataset = open_encoder(recipe)
    settings = settings_of_encoder(dataset, recipe)
    lines = []
    used = set()
    with _locked(options.folder), BlockPool(options, dataset) as pool:
        for file in options.files:
            sha256 = file_sha256(file)
            folder = section_folder(options.folder, file, sha256, settings)
            card = _current_card(folder, file)
            if card is None:
                card = _make_section(dataset, pool, file, folder, sha256, settings)
            used.add(folder)
            lines.append(_said(file, folder, card))
    for folder, card in other_sections(options.folder, used):
        lines.append(
            f"{folder}: {_size(card)} of another {card.source} or other settings: remove it if unused"
        )
    return "\n".join([*lines, f"train with {CACHE_KEY}={options.folder}"])


class _locked:  # noqa: N801 (used as a function)
    """Hold the lock of a cache's folder in the block."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{folder}: cannot be written: {error.strerror or error}") from error
        self._folder, self._lock = folder, FileLock(folder / LOCK, blocking=False)

    def __enter__(self) -> None:
        try:
            self._lock.acquire()
        except Timeout as error:
            raise UserError(f"{self._folder}: another command makes this cache: wait for it") from error

    def __exit__(self, *reason: object) -> None:
        self._lock.release()


def _current_card(folder: Path, file: Path) -> SectionCard | None:
    """Return the card of a section that is finished and whose images have not changed."""
    try:
        card = read_section_card(folder)
    except UserError as error:
        log.info("%s", error)
        card = None
    if card is not None:
        forget_open_sections()
        changed = find_changed_image(open_section(str(folder)), file.parent)
        if changed is None:
            return card
        log.info("%s: image %s has changed: encoded again", folder, changed)
    (folder / CARD).unlink(missing_ok=True)
    return None


def _make_section(
    dataset: Any, pool: BlockPool, file: Path, folder: Path, sha256: str, settings: Settings
) -> SectionCard:
    for left in folder.rglob(".*.part"):  # of a command that was killed
        left.unlink()
    outline = outline_records(file)
    processor = dataset.processor.image_processor
    with quiet_encoding():
        levels = find_levels(processor)
    with replacing(folder / LEVELS) as levels_file:
        np.save(levels_file, levels)
    names = list(outline.names)
    image_blocks = -(-len(names) // IMAGES_IN_BLOCK)
    if pool.encode(_image_tasks(folder, file, names), len(names), f"{file.name}: images"):
        remove_record_blocks(folder)  # their images were others
    write_image_table(folder, image_blocks)
    forget_open_sections()
    pool.encode(_record_tasks(folder, file, outline), outline.count, f"{file.name}: records", "record")
    counts = write_record_tables(folder, outline, len(outline.starts))
    card = SectionCard(
        file.name,
        sha256,
        dict(settings),
        int(processor.temporal_patch_size),
        int(processor.patch_size),
        dict(counts),
        sizes_of(folder, image_blocks),
    )
    write_section_card(folder, card)
    remove_record_blocks(folder)
    forget_open_sections()
    return card


def _image_tasks(folder: Path, file: Path, names: list[str]) -> Iterator[tuple[EncodingTask, bool]]:
    """Yield all blocks of images, and whether each is there already."""
    for number, first in enumerate(range(0, len(names), IMAGES_IN_BLOCK)):
        part = tuple(names[first : first + IMAGES_IN_BLOCK])
        yield EncodingTask(folder, file, number, part), is_block_current(folder, number, part, file.parent)


def _record_tasks(folder: Path, file: Path, outline: RecordOutline) -> Iterator[tuple[EncodingTask, bool]]:
    """Yield all blocks of records, and whether each is there already."""
    for number, start in enumerate(outline.starts):
        first = number * RECORDS_IN_BLOCK
        records = range(first, min(first + RECORDS_IN_BLOCK, outline.count))
        numbers = tuple(outline.images_of(record) for record in records)
        task = EncodingTask(folder, file, number, start=start, image_numbers=numbers)
        yield task, record_block_file(folder, number).is_file()


def _said(file: Path, folder: Path, card: SectionCard) -> str:
    reasons = [f"{count:,} {reason}" for reason, count in sorted(card.counts.items()) if reason != KEPT_COUNT]
    dropped = f", dropped: {'; '.join(reasons)}" if reasons else ""
    return f"{file}: {card.counts[KEPT_COUNT]:,} records{dropped}; {_size(card)} in {folder}"


def _size(card: SectionCard) -> str:
    return f"{card.bytes / MEGABYTE:,.1f} MB"
