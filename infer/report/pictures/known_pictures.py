"""Which files of a folder have been asked about already."""

from collections.abc import Iterable
from pathlib import Path

from grounding.errors import UserError
from infer.report.pictures.answered_picture import AnsweredPicture, identify_file
from infer.report.pictures.picture_folder import Stamp


class KnownPictures:
    """Remembers files by name and content; the stamp of a file tells most of the time that it is unchanged.

    Another picture under a known name is new: cameras use names again.
    """

    def __init__(self, folder: Path, pictures: Iterable[AnsweredPicture]) -> None:
        """Remember pictures of a folder."""
        self._folder = folder
        self._stamps: dict[str, Stamp] = {}
        self._contents: dict[str, set[str]] = {}
        for picture in pictures:
            self.add(picture)

    def add(self, picture: AnsweredPicture) -> None:
        """Remember a picture that has been asked about."""
        self._stamps[picture.name] = (picture.identity.length, picture.identity.modified_ns)
        self._contents.setdefault(picture.name, set()).add(picture.identity.sha256)

    def is_unchanged(self, name: str, stamp: Stamp) -> bool:
        """Tell whether the file had this stamp when it was asked about; it is not opened."""
        return self._stamps.get(name) == stamp

    def holds(self, name: str, stamp: Stamp) -> bool:
        """Tell whether the file was asked about with the content that it has now."""
        if self.is_unchanged(name, stamp):
            return True
        if name not in self._contents:
            return False
        try:
            content = identify_file(self._folder / name).sha256
        except UserError:  # it is gone
            return True
        if content not in self._contents[name]:
            return False
        self._stamps[name] = stamp
        return True
