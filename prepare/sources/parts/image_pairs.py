"""The image of each annotation file, where the two only share a name or a place."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from glob import escape as glob_escape
from pathlib import Path

from grounding.errors import UserError
from prepare.sources.lookup.image_names import spellings, the_only
from prepare.sources.parts.voc_xml import read_xml
from prepare.sources.shared.listed import IMAGE_SUFFIXES, UnreadableError, find_images


class ImagePairs:
    """The image of each XML file: at the same place, else by the name that the file states, else by its own.

    A name counts only if one image has it that is at the place of no XML file.
    """

    def __init__(
        self, folder: Path, files: Mapping[str, Path], check: Callable[[Iterable[Path]], object]
    ) -> None:
        """List the images below a folder, for XML files by their paths without suffix.

        Raises:
            UserError: no such folder, or several images at the place of a file that names none of them.
        """
        if not folder.is_dir():
            raise UserError(f"source.images: {folder}: no such folder")
        self._folder = folder
        self._files = files
        by_place: dict[str, list[Path]] = defaultdict(list)
        images = find_images(folder, check)
        for path in images:
            relative = path.relative_to(folder)
            by_place[relative.with_suffix("").as_posix()].append(path)
            by_place[relative.as_posix()].append(path)
        self._placed = {
            name: _at_place(by_place.get(name) or _beside(xml), xml) for name, xml in files.items()
        }
        taken = set(self._placed.values())
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        for path in images:
            if path not in taken:
                self._by_name[path.stem].append(path)
                self._by_name[path.name].append(path)

    def find_all(self) -> dict[str, Path]:
        """Return the image of every XML file, one that is missing where none fits.

        Raises:
            UserError: several images fit one file, or one image fits several files.
        """
        found: dict[str, Path] = {}
        users: dict[Path, Path] = {}
        for name, xml in self._files.items():
            found[name] = self._image_of(name, xml)
            other = users.setdefault(found[name], xml)
            if other != xml:
                raise UserError(
                    f"{other} and {xml} both fit {found[name]}: put the XML files into the same "
                    "sub-folders as the images"
                )
        return found

    def _image_of(self, name: str, xml: Path) -> Path:
        if found := self._placed[name]:
            return found
        stated = _stated_name(xml)
        for spelled in (Path(stated).name, Path(name).name):
            if fitting := self._by_name.get(spelled):
                return the_only(
                    _in_stated_folder(fitting, stated),
                    spelled,
                    str(xml),
                    "put the XML files into the same sub-folders as the images",
                )
        return self._folder / f"{name}.jpg"


def _beside(xml: Path) -> list[Path]:
    """Return the images of the same name in the folder of an XML file."""
    beside = sorted(xml.parent.glob(f"{glob_escape(xml.stem)}.*"))
    return [path for path in beside if path.suffix.lower() in IMAGE_SUFFIXES]


def _at_place(images: Sequence[Path], xml: Path) -> Path | None:
    """Return the image at the place of an XML file: of several, the one that the file names."""
    if len(images) < 2:
        return next(iter(images), None)
    stated = Path(_stated_name(xml)).name
    named = [path for path in images if path.name == stated]
    return the_only(named or images, xml.stem, str(xml), "keep only the image that was annotated")


def _in_stated_folder(paths: Sequence[Path], stated: str) -> Sequence[Path]:
    """Return those of the paths that end with the stated folders, all if none does."""
    parts = Path(stated).parts
    return [path for path in paths if path.parts[-len(parts) :] == parts] or paths


def _stated_name(xml: Path) -> str:
    """Return the <filename> of an XML file with "/" between its parts; "" if it has none."""
    try:
        return spellings(read_xml(xml).filename)[-1]
    except UnreadableError:
        return ""  # the scan counts the file
