"""The draw: which images of a source are usable, and in which order they are taken."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grounding.boxes import Size
from grounding.categories import Category
from prepare.objects import read_objects
from prepare.progress import progress_bar
from prepare.source import ANNOTATION_COLUMNS, open_parquet, read_batches

IMAGE_WITHOUT_ID = "image has no id"
IMAGE_WITHOUT_SIZE = "image has no width and height"
IMAGE_WITHOUT_OBJECTS = "image has no usable objects"
IMAGE_UNEVEN_LISTS = "image has object lists of different lengths"
IMAGE_TWICE = "image is listed twice"

ROWS_AT_ONCE = 512


@dataclass(frozen=True, order=True)
class Candidate:
    """A usable image: its rank in the draw, and where its row is.

    The order is that of the draw; of two rows with one image id, the first in it is kept.
    """

    rank: int
    image_id: int
    file_name: str
    row: int
    path: Path


def rank(seed: int, image_id: int) -> int:
    """Return the place of an image in the draw: it depends on nothing but seed and id."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{image_id}".encode(), digest_size=8).digest(), "big")


def scan(
    paths: Sequence[Path],
    categories: Sequence[Category],
    seed: int,
    dropped: Counter[str],
    taken: frozenset[int] = frozenset(),
) -> list[Candidate]:
    """Read the annotations of all files and return their usable images in the order of the draw.

    Images left out are added to `dropped` by reason; an id in `taken` (the other split's) counts as a
    repetition, so that no image is in both splits.

    Raises:
        UserError: a file that cannot be read.
    """
    found: list[Candidate] = []
    files = [(path, open_parquet(path)) for path in paths]
    total = sum(file.metadata.num_rows for _, file in files)
    with progress_bar(total, "reading annotations") as progress:
        for path, file in files:
            row = 0
            for batch in read_batches(file, path, ANNOTATION_COLUMNS, ROWS_AT_ONCE):
                columns = [batch.column(name).to_pylist() for name in ANNOTATION_COLUMNS]
                for image_id, width, height, objects in zip(*columns, strict=True):
                    reason = _find_fault(image_id, width, height, objects, categories)
                    if reason is None:
                        found.append(Candidate(rank(seed, image_id), image_id, path.name, row, path))
                    else:
                        dropped[reason] += 1
                    row += 1
                progress.update(batch.num_rows)
    found.sort()
    return _without_repetitions(found, taken, dropped)


def _without_repetitions(
    found: Sequence[Candidate], taken: frozenset[int], dropped: Counter[str]
) -> list[Candidate]:
    seen = set(taken)
    unique = []
    for candidate in found:
        if candidate.image_id in seen:
            dropped[IMAGE_TWICE] += 1
        else:
            seen.add(candidate.image_id)
            unique.append(candidate)
    return unique


def _find_fault(
    image_id: int | None,
    width: int | None,
    height: int | None,
    objects: dict[str, list[object]] | None,
    categories: Sequence[Category],
) -> str | None:
    """Return why an image cannot be used, or None."""
    if image_id is None or image_id < 0:
        return IMAGE_WITHOUT_ID
    if not width or not height or width < 0 or height < 0:
        return IMAGE_WITHOUT_SIZE
    try:
        usable = read_objects(objects, Size(width, height), categories).trainable
    except ValueError:
        return IMAGE_UNEVEN_LISTS
    return None if usable else IMAGE_WITHOUT_OBJECTS
