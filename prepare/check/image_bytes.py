"""What can be wrong with the images of a data set: looked at once each, in parallel."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from grounding.boxes import Size
from prepare.progress import progress_bar
from prepare.reasons import IMAGE_TURNED, UnusableImageError
from prepare.write.image_files import ImageCheck, ImageFacts, check_image

MISSING = "image file is missing"
TOO_THIN = "image is more than 200 times as long as wide"

MAX_RATIO = 200
"""Source: smart_resize of Qwen's image processor, which raises beyond."""

WORKERS = min(8, os.cpu_count() or 1)
AT_ONCE = 4 * WORKERS


@dataclass(frozen=True)
class Look:
    """What an image file is: its size and a hash of its bytes, or what is wrong with it."""

    path: Path
    size: Size | None
    digest: bytes
    fault: str | None


def look_at(paths: Sequence[Path], description: str = "looking at images") -> Iterator[Look]:
    """Yield what each image file is, in the order of `paths`; every image is decoded once."""
    left = iter(paths)
    with ThreadPoolExecutor(WORKERS) as pool, progress_bar(len(paths), description) as progress:
        while some := list(islice(left, AT_ONCE)):  # a few at a time: their bytes are in memory
            for look in pool.map(_look, some):
                progress.update()
                yield look


def _look(path: Path) -> Look:
    try:
        data = path.read_bytes()
    except (OSError, ValueError):
        return Look(path, None, b"", MISSING)
    digest = hashlib.blake2b(data, digest_size=16).digest()
    try:
        facts, fault = _read_facts(data)
    except UnusableImageError as error:
        return Look(path, None, digest, error.reason)
    if max(facts.size.width, facts.size.height) > MAX_RATIO * min(facts.size.width, facts.size.height):
        fault = TOO_THIN
    return Look(path, facts.size, digest, fault)


def _read_facts(data: bytes) -> tuple[ImageFacts, str | None]:
    """Return an image's facts, and a fault that does not hide its size.

    Raises:
        UnusableImageError: the image cannot be read.
    """
    try:
        return check_image(data, None, ImageCheck()), None
    except UnusableImageError as error:
        if error.reason != IMAGE_TURNED:
            raise
    return check_image(data, None, ImageCheck(exif="stored")), IMAGE_TURNED
