"""The check of image files: each is read and decoded once, several in parallel."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from grounding.boxes import Size
from grounding.files import is_regular
from prepare.progress import progress_bar
from prepare.reasons import IMAGE_TURNED, UnusableImageError
from prepare.write.drawn_files import DIGEST_BYTES
from prepare.write.image_files import ImageCheck, check_image

MISSING = "image file is missing"
TOO_THIN = "image is more than 200 times as long as wide"

MAX_RATIO = 200
"""Long side by short side; above it, smart_resize of Qwen's image processor raises an error."""

WORKERS = min(8, os.cpu_count() or 1)
AT_ONCE = 4 * WORKERS


@dataclass(frozen=True)
class ExaminedImage:
    """An image file: its size and a hash of its bytes if it can be read, and what is wrong with it."""

    path: Path
    size: Size | None
    digest: bytes
    fault: str | None


def examine_images(paths: Sequence[Path], description: str = "looking at images") -> Iterator[ExaminedImage]:
    """Yield the image files in the order of `paths`."""
    left = iter(paths)
    with ThreadPoolExecutor(WORKERS) as pool, progress_bar(len(paths), description) as progress:
        while some := list(islice(left, AT_ONCE)):  # a few at a time, as their bytes are in memory
            for image in pool.map(_examine, some):
                progress.update()
                yield image


def _examine(path: Path) -> ExaminedImage:
    try:
        data = path.read_bytes() if is_regular(path) else None
    except OSError:
        data = None
    if data is None:
        return ExaminedImage(path, None, b"", MISSING)
    digest = hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()
    try:
        frame = check_image(data, None, ImageCheck(exif="stored")).frame
    except UnusableImageError as error:
        return ExaminedImage(path, None, digest, error.reason)
    size, fault = frame.upright, IMAGE_TURNED if frame.orientation != 1 else None
    if max(size.width, size.height) > MAX_RATIO * min(size.width, size.height):
        fault = TOO_THIN
    return ExaminedImage(path, size, digest, fault)
