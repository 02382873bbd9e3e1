"""Write blocks of images as levels of 8 bits, each made by the run's own image processor."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import replacing, write_text
from train.cached.image_stamps import content_digest, file_stamp, is_same_image
from train.cached.pixel_levels import Levels, Patches, to_levels
from train.cached.section import IMAGE_BLOCKS
from train.lengths.image_outlines import count_image_tokens, read_outline

IMAGES_IN_BLOCK = 64
"""Images that a process encodes at a time; an interrupted command loses at most so many a process."""


@dataclass(frozen=True)
class BlockImage:
    """An image of a block: its name, its place, its grid, what its file was, and why it has no pixels.

    `grid` has frames, rows and columns of patches; that of a damaged image follows from its header, and is
    [0, 0, 0] if that cannot be read, either. `fault` is empty for a sound image.
    """

    name: str
    offset: int
    grid: tuple[int, int, int]
    bytes: int
    changed_ns: int
    digest: str
    fault: str = ""


def block_files(folder: Path, number: int) -> tuple[Path, Path]:
    """Return the files of a block: its pixels, and its entries."""
    return folder / IMAGE_BLOCKS / f"{number:05}.bin", folder / IMAGE_BLOCKS / f"{number:05}.json"


def read_block_images(folder: Path, number: int) -> list[BlockImage] | None:
    """Return the entries of a block, None if it is not complete."""
    pixels, entries = block_files(folder, number)
    try:
        content = json.loads(entries.read_text(encoding="utf-8"))
        found = [BlockImage(**{**entry, "grid": tuple(entry["grid"])}) for entry in content["images"]]
        return found if pixels.stat().st_size == content["bytes"] else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def is_block_current(folder: Path, number: int, names: Sequence[str], images: Path) -> bool:
    """Tell whether a block is complete, and its images are still as they were; `images` has their files."""
    entries = read_block_images(folder, number)
    return (
        entries is not None
        and [entry.name for entry in entries] == list(names)
        and all(is_same_image(images / entry.name, asdict(entry)) for entry in entries)
    )


def write_image_block(
    dataset: Any, levels: Levels, folder: Path, number: int, names: Sequence[str], images: Path
) -> None:
    """Encode the images of a block with the plug-in and the processor of a data set, one by one.

    Raises:
        UserError: the pixels of an image do not follow from 8 bits, or the disk is full.
    """
    pixels, listed = block_files(folder, number)
    listed.unlink(missing_ok=True)
    entries, offset = [], 0
    with replacing(pixels) as file:
        for name in names:
            stamp = file_stamp(images / name), content_digest(images / name)
            patches, grid, fault = _encode(dataset, levels, str(images / name))
            (size, changed), digest = stamp
            entries.append(BlockImage(name, offset, grid, size, changed, digest.hex(), fault))
            if patches is not None:
                file.write(patches.tobytes())
                offset += patches.nbytes
    content = {"bytes": offset, "images": [asdict(entry) for entry in entries]}
    write_text(listed, json.dumps(content, ensure_ascii=False) + "\n")


def _encode(dataset: Any, levels: Levels, path: str) -> tuple[Patches | None, tuple[int, int, int], str]:
    """Return an image in levels and its grid, or why it has none: PaddleFormers drops its records then."""
    plugin, processor = dataset.template.mm_plugin, dataset.processor
    try:
        made = plugin.get_mm_inputs([path], [], [], processor)
    except Exception as error:  # noqa: BLE001 (as PaddleFormers does)
        return None, _grid_of_header(dataset, path), type(error).__name__
    patches = to_levels(made["pixel_values"].numpy(), levels, processor.image_processor)
    if patches is None:
        raise UserError(f"{path}: its pixel values do not follow from 8 bits: train without grounding_cache")
    frames, rows, columns = made["image_grid_thw"][0].tolist()
    return patches, (frames, rows, columns), ""


def _grid_of_header(dataset: Any, path: str) -> tuple[int, int, int]:
    """Return a grid of as many patches as the header of a damaged image promises."""
    plugin, processor = dataset.template.mm_plugin, dataset.processor
    try:
        tokens = count_image_tokens(read_outline(path, plugin._img_download), plugin, processor)
    except Exception:  # noqa: BLE001 (as PaddleFormers does)
        return 0, 0, 0
    merge = int(processor.image_processor.merge_size)
    return 1, merge, merge * tokens
