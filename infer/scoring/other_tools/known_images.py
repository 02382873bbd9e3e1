"""Which image of the data set a row of another tool is about: by id, by file name, or by the order."""

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any

ImageId = int
"""The id of an image in the annotations."""


class AmbiguousImageError(ValueError):
    """Several images of the data set have this name."""


class ImageNames:
    """The images of annotations by id, by file name, and by file name without folder or ending.

    An image with several questions has an id for each of them, in the order of the records.
    """

    def __init__(self, images: Iterable[dict[str, Any]]) -> None:
        self._ids: dict[str, ImageId] = {}
        self._files: dict[str, list[ImageId]] = {}
        self._short: dict[str, list[str]] = {}
        for image in images:
            name = _posix(str(image.get("file_name", "")))
            self._ids[str(image["id"])] = image["id"]
            if not name:
                continue
            self._files.setdefault(name, []).append(image["id"])
        for name in self._files:
            path = PurePosixPath(name)
            for short in dict.fromkeys((path.name, path.stem)):
                self._short.setdefault(short, []).append(name)

    def by_id(self, value: Any) -> Sequence[ImageId]:
        """Return the image with this id, a number or a text; a name counts as well. None: ().

        A text of digits that begins with 0 is first a file name without ending, then an id.
        """
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # as tables write whole numbers
        text = str(value).strip()
        found = self._ids.get(text)
        if found is not None:
            return (found,)
        named = self.by_name(text)
        if not named and re.fullmatch(r"0+[0-9]+", text):
            found = self._ids.get(text.lstrip("0") or "0")
        return named if found is None else (found,)

    def by_name(self, value: Any) -> Sequence[ImageId]:
        """Return the ids of the image at this path or with this name, () where there is none.

        Raises:
            AmbiguousImageError: images in several folders have this name, and the path does not tell them
                apart.
        """
        path = _posix(str(value).strip().removeprefix("file://"))
        if path in self._files:
            return self._files[path]
        names = self._short.get(PurePosixPath(path).name) or self._short.get(PurePosixPath(path).stem) or []
        if len(names) > 1:
            names = [name for name in names if f"/{path}".endswith(f"/{name}") or name.endswith(f"/{path}")]
            if len(names) != 1:
                raise AmbiguousImageError(f"several images are named '{PurePosixPath(path).name}'")
        return self._files[names[0]] if names else ()


def _posix(path: str) -> str:
    return path.replace("\\", "/").removeprefix("./")
