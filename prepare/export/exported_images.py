"""The image files of an export: measured, and copied or hard-linked."""

import errno
import os
import shutil
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from PIL import Image

from grounding.boxes import Size
from grounding.errors import UserError
from grounding.files import find_outside, is_regular
from grounding.images.image_formats import IMAGE_FORMATS
from grounding.images.pixels import UNREADABLE, orientation_of
from grounding.layout import IMAGES_FOLDER
from prepare.export.export_types import ExportedImage, FormatFacts
from prepare.progress import watched

REPAIR = "prepare the data set again (`python -m prepare.check` finds what is wrong)"


def measure_images(dataset: Path, names: Sequence[str]) -> dict[str, Size]:
    """Return the size in pixels of each image, from its header; `names` are relative to the data set.

    Raises:
        UserError: an image is not in images/, missing, damaged, or turned by its EXIF orientation, which
            other tools may ignore.
    """
    strays = set(find_outside((dataset / name for name in names), dataset))
    sizes = {}
    for name in watched(names, "measuring images"):
        is_inside = dataset / name not in strays and ".." not in Path(name).parts
        if not is_inside or not name.startswith(f"{IMAGES_FOLDER}/"):
            raise UserError(f"{dataset}: '{name}' is not in {IMAGES_FOLDER}/: {REPAIR}")
        sizes[name] = _measure(dataset / name)
    return sizes


def _measure(path: Path) -> Size:
    if not is_regular(path):
        raise UserError(f"{path}: no such image: {REPAIR}")
    try:
        with warnings.catch_warnings(), Image.open(path, formats=IMAGE_FORMATS) as image:
            warnings.simplefilter("ignore")  # Pillow warns about odd metadata
            if orientation_of(image) != 1:
                raise UserError(f"{path}: turned by its EXIF orientation: {REPAIR}")
            return Size(*image.size)
    except UNREADABLE as error:
        raise UserError(f"{path}: not readable as an image: {error}: {REPAIR}") from error


def write_images(
    dataset: Path,
    images: Mapping[str, Iterable[ExportedImage]],
    folder: Path,
    facts: FormatFacts,
    *,
    link: bool,
) -> None:
    """Copy or hard-link the images of every split into the format's folders.

    Raises:
        UserError: the disk is another one, or the file system has no hard links.
        OSError: a file cannot be read or written.
    """
    pairs = [
        (dataset / IMAGES_FOLDER / image.name, folder / facts.images.format(split=split) / image.name)
        for split, found in images.items()
        for image in found
    ]
    for source, target in watched(pairs, "linking images" if link else "copying images"):
        target.parent.mkdir(parents=True, exist_ok=True)
        if link:
            _link(source, target)
        else:
            shutil.copyfile(source, target)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
            raise UserError(
                f"link: {source} cannot be hard-linked there ({error.strerror}): leave link=true out"
            ) from error
        raise
