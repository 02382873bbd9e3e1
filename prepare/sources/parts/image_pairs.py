"""The image of each annotation file, where the two only share a name or a place."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from glob import escape as glob_escape
from pathlib import Path

from grounding.errors import UserError
from prepare.sources.lookup.image_names import spellings
from prepare.sources.parts.voc_xml import read_xml
from prepare.sources.shared.listed import IMAGE_SUFFIXES, UnreadableError, find_images


class ImagePairs:
    """The image of each XML file: at the same place, else by the name that the file states, else by its own.

    A name counts only if one image has it.
    """

    def __init__(self, folder: Path, check: Callable[[Iterable[Path]], object]) -> None:
        """List the images below a folder.

        Raises:
            UserError: no such folder.
        """
        if not folder.is_dir():
            raise UserError(f"source.images: {folder}: no such folder")
        self._folder = folder
        self._by_place: dict[str, Path] = {}
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        for path in find_images(folder, check):
            relative = path.relative_to(folder)
            self._by_place.setdefault(relative.with_suffix("").as_posix(), path)
            self._by_place.setdefault(relative.as_posix(), path)
            self._by_name[path.stem].append(path)
            self._by_name[path.name].append(path)

    def image_of(self, name: str, xml: Path) -> Path:
        """Return the image of an XML file with this path, without suffix; one that is missing if none fits.

        Raises:
            UserError: several images fit.
        """
        if name in self._by_place:
            return self._by_place[name]
        beside = sorted(path for path in xml.parent.glob(f"{glob_escape(xml.stem)}.*") if path != xml)
        if known := [path for path in beside if path.suffix.lower() in IMAGE_SUFFIXES]:
            return known[0]
        stated = _stated_name(xml)
        folder = Path(name).parent.as_posix()
        for candidate in (f"{folder}/{stated}" if folder != "." else stated, stated):
            if stated and candidate in self._by_place:
                return self._by_place[candidate]
        for spelled in (Path(stated).name, Path(name).name):
            if spelled and (fitting := self._by_name.get(spelled)):
                return _only(fitting, spelled, xml)
        return self._folder / f"{name}.jpg"


def _stated_name(xml: Path) -> str:
    """Return the <filename> of an XML file with "/" between its parts; "" if it has none."""
    try:
        return spellings(read_xml(xml).filename)[-1]
    except UnreadableError:
        return ""  # the scan counts the file


def _only(paths: Sequence[Path], name: str, xml: Path) -> Path:
    if len(paths) > 1:
        raise UserError(
            f"{xml}: its image '{name}' can be {paths[0]} or {paths[1]}: put the XML files into the same "
            "sub-folders as the images"
        )
    return paths[0]
