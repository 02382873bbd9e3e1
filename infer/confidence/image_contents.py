"""Hashes of what images show, so that an image is known under any name and in any lossless file."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from grounding.errors import UserError
from grounding.images.picture_hash import hash_picture
from grounding.images.pixels import UNREADABLE, read_pixels

WORKERS = 4


def hash_image(path: Path) -> str:
    """Return a hash of the size and of the pixels that a model sees in an image.

    Raises:
        UserError: the image cannot be read.
    """
    try:
        picture = read_pixels(path)
    except UNREADABLE as error:
        raise UserError(f"{path}: not usable as an image: {error}") from error
    return hash_picture(picture)


def hash_images(paths: Iterable[Path], title: str) -> dict[Path, str]:
    """Return the hash of each image; each file is read once.

    Raises:
        UserError: an image cannot be read.
    """
    from tqdm import tqdm

    once: Sequence[Path] = list(dict.fromkeys(paths))
    with ThreadPoolExecutor(WORKERS) as pool:
        hashes = pool.map(hash_image, once)
        bar = tqdm(hashes, total=len(once), desc=title, unit="image", delay=2, leave=False)
        return dict(zip(once, bar, strict=True))
