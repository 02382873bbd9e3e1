"""Images that are found by the stems of their names: ids in a table, or label files in another folder."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from grounding.errors import UserError
from prepare.sources.lookup.image_names import Check, the_only
from prepare.sources.shared.listed import IMAGE_SUFFIXES, find_images

ONE_FOLDER = "set source.images to the folder that is meant, or source.train_files to the files of one split"


class StemFinder:
    """The images below a folder by the stems of their names."""

    def __init__(self, folder: Path, check: Check) -> None:
        """List the images.

        Raises:
            UserError: no such folder, or images where the recipe allows none.
        """
        if not folder.is_dir():
            raise UserError(f"source.images: {folder}: no such folder")
        self._folder = folder
        self._by_stem: dict[str, list[Path]] = defaultdict(list)
        for path in find_images(folder, check):
            self._by_stem[path.stem].append(path)

    def find(self, stem: str, where: str) -> Path:
        """Return the image of a stem, a path where none is if there is none.

        Raises:
            UserError: several images have it.
        """
        found = self._by_stem.get(stem) or [self._folder / f"{stem}.jpg"]
        return the_only(found, stem, where, ONE_FOLDER)


def image_beside(labels: Path, folder: Path, folders: Mapping[str, Sequence[str]]) -> Path:
    """Return the image of a label file: the same path, but with another folder's name in one place.

    `folders` has the names of image folders for each name of a label folder. Without such a folder, the image
    is beside the labels. If there is no image, the path where it should be is returned.

    Raises:
        UserError: several images have that name.
    """
    parts = labels.relative_to(folder).with_suffix("").parts
    tried = [
        Path(folder, *parts[:place], name, *parts[place + 1 :])
        for place in reversed(range(len(parts) - 1))
        for name in folders.get(parts[place], ())
    ]
    tried.append(labels.with_suffix(""))
    found = (image_named(path, labels) for path in tried)
    return next((image for image in found if image), tried[0].with_name(f"{tried[0].name}.jpg"))


def image_named(path: Path, labels: Path) -> Path | None:
    """Return the image of a path without its suffix, None if there is none; `labels` is for messages.

    Raises:
        UserError: there are several.
    """
    suffixes = [spelled for suffix in sorted(IMAGE_SUFFIXES) for spelled in (suffix, suffix.upper())]
    images = [path.with_name(f"{path.name}{suffix}") for suffix in suffixes]
    found = [image for image in images if image.exists()]
    if len(found) > 1 and not found[0].samefile(found[1]):  # some file systems ignore letter case
        raise UserError(
            f"{labels}: its image can be {found[0]} or {found[1]}: keep only the one that was annotated"
        )
    return found[0] if found else None
