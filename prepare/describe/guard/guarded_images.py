"""The guard: images of evaluation sets, known by their bytes, by their pixels, or as copies."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from grounding.errors import UserError
from grounding.files import is_regular, read_jsonl
from grounding.images.picture_hash import hash_picture
from grounding.images.pixels import UNREADABLE, read_pixels
from grounding.layout import ALL_JSONL_FILES, IMAGES_FOLDER, JSONL_FILES
from grounding.views.view_mark import read_views
from prepare.describe.asking.region_asker import hash_file
from prepare.describe.describe_settings import DescribeSettings
from prepare.describe.described_regions import TeacherImage
from prepare.describe.guard.picture_print import PicturePrint, PrintBook, make_print
from prepare.progress import progress_bar
from prepare.sources.shared.listed import find_images

SAME_FILE, SAME_PIXELS, COPY = "is the same file as", "has the same pixels as", "is a copy of"
"""How an image is known; a copy has another size or quality."""

WORKERS = min(8, os.cpu_count() or 1)
AT_ONCE = 16 * WORKERS

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


@dataclass(frozen=True)
class GuardedPicture:
    """A picture by its content: hashes of file and pixels, and its print; None if it is damaged."""

    path: Path
    file: str
    pixels: str | None
    seen: PicturePrint | None


@dataclass(frozen=True)
class GuardedFind:
    """An image that is in an evaluation set: how it is known, and the picture there."""

    image: TeacherImage
    how: str
    original: Path


def find_guarded(images: Sequence[TeacherImage], settings: DescribeSettings) -> list[GuardedFind]:
    """Return the images that are in one of the evaluation sets of `guard`.

    Raises:
        UserError: an entry is neither a data set nor a folder with images, or an image cannot be read.
    """
    if not settings.guard:
        return []
    paths = [path for place in settings.guard for path in guarded_paths(Path(place).expanduser())]
    originals = list(_each(know_picture, paths, "reading guarded images"))
    book = _Book(originals, with_copies=settings.guard_copies)
    known = _each(know_picture, [image.path for image in images], "looking for guarded images")
    finds = (book.find(image, picture) for image, picture in zip(images, known, strict=True))
    return [find for find in finds if find is not None]


def guarded_paths(place: Path) -> list[Path]:
    """Return the images of an evaluation set: of a data set's validation split, of a JSONL, or in a folder.

    Raises:
        UserError: there are none.
    """
    if place.is_file() and place.suffix == ".jsonl":
        found = _paths_of_records(place)
    elif any((place / name).is_file() for name in ALL_JSONL_FILES.values()):
        found = _paths_of_records(place / JSONL_FILES["val"])
    elif place.is_dir():
        found = find_images(place, lambda folders: None)
    else:
        raise UserError(f"guard: {place}: no such data set, JSONL file or folder of images")
    if not found:
        raise UserError(f"guard: {place}: no image in it: an evaluation set without images guards nothing")
    return found


def _paths_of_records(file: Path) -> list[Path]:
    """Return the images of the records of a JSONL, each once; pictures made of them for questions, too.

    Views are no images of their own: parts of two pictures can look alike.
    """
    names: dict[str, None] = {}
    for line, row in read_jsonl(file):
        images = row.get("images")
        if not isinstance(images, list) or not all(isinstance(name, str) for name in images):
            raise UserError(f"guard: {file}, line {line}: no list of images: is it a data set's JSONL?")
        names |= dict.fromkeys(_without_views(row, images))
    paths = [file.parent / name for name in names]
    if missing := next((path for path in paths if not is_regular(path)), None):
        raise UserError(
            f"guard: no image {missing}: {IMAGES_FOLDER}/ has to be there, its content is compared"
        )
    return paths


def _without_views(row: Any, images: list[str]) -> list[str]:
    try:
        return images if read_views(row) is None else images[:1]
    except ValueError:  # another tool's
        return images


def know_picture(path: Path) -> GuardedPicture:
    """Read a picture; one that is damaged is known by its bytes alone.

    Raises:
        UserError: the file cannot be read.
    """
    digest = hash_file(path)
    try:
        picture = read_pixels(path)
    except UNREADABLE as error:
        logger.warning("%s: does not decode (%s): known by its bytes alone", path, error)
        return GuardedPicture(path, digest, None, None)
    return GuardedPicture(path, digest, hash_picture(picture), make_print(picture))


class _Book:
    """The pictures of all evaluation sets."""

    def __init__(self, originals: Sequence[GuardedPicture], *, with_copies: bool) -> None:
        self.files = {item.file: item.path for item in originals}
        self.pixels = {item.pixels: item.path for item in originals if item.pixels is not None}
        printed = (
            [(item.path, item.seen) for item in originals if item.seen is not None] if with_copies else []
        )
        self.paths, self.prints = [path for path, _ in printed], PrintBook([seen for _, seen in printed])

    def find(self, image: TeacherImage, picture: GuardedPicture) -> GuardedFind | None:
        if (path := self.files.get(picture.file)) is not None:
            return GuardedFind(image, SAME_FILE, path)
        if picture.pixels is not None and (path := self.pixels.get(picture.pixels)) is not None:
            return GuardedFind(image, SAME_PIXELS, path)
        if picture.seen is not None and (place := self.prints.find(picture.seen)) is not None:
            return GuardedFind(image, COPY, self.paths[place])
        return None


def _each(work: Callable[[Path], Result], paths: Sequence[Path], title: str) -> Iterator[Result]:
    """Yield the results in order; a few are worked on at a time, as their pixels are in memory."""
    left = iter(paths)
    with ThreadPoolExecutor(WORKERS) as pool, progress_bar(len(paths), title) as progress:
        while some := list(islice(left, AT_ONCE)):
            for result in pool.map(work, some):
                progress.update()
                yield result


def refuse_guarded(finds: Sequence[GuardedFind], images: int) -> None:
    """Refuse to go on with images of evaluation sets.

    Raises:
        UserError: there are some; the message names the first.
    """
    if not finds:
        return
    first = "; ".join(f"{find.image.name} {find.how} {find.original}" for find in finds[:3])
    more = f"; and {len(finds) - 3} more" if len(finds) > 3 else ""
    copies = (
        ", or guard_copies=false if they are only alike" if all(find.how == COPY for find in finds) else ""
    )
    raise UserError(
        f"guard: {len(finds)} of {images} images are in an evaluation set: {first}{more}: describe another "
        f"split, or set guarded=skip to leave them out{copies}"
    )
