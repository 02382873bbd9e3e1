"""Images as annotation tools describe them in files: what most formats of tools share.

A format reads each of its files into entries. This module finds their images, chooses ids, and makes the
source.
"""

import posixpath
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from grounding.boxes import Size
from grounding.categories import number_categories
from grounding.errors import UserError
from grounding.files import is_regular
from grounding.markup import find_markup
from prepare.progress import progress_bar
from prepare.reasons import ANNOTATION_UNREADABLE
from prepare.source_types import Annotation, BoxFormat, Lost, Place, Query, RawObjects
from prepare.sources.lookup.image_names import resolve_names
from prepare.sources.shared.file_patterns import check_outside
from prepare.sources.shared.identity import check_distinct, derived_id, plain_name
from prepare.sources.shared.listed import ListedImage, ListedSource, UnreadableError
from prepare.sources.shared.source_values import LARGEST_ID
from prepare.sources.source_settings import SourceSettings
from prepare.sources.tool_files.split_words import Losses

ANY_LABEL = None
"""The label of a region that is ignored whatever is in it; it becomes a crowd of every category."""


@dataclass(frozen=True)
class DescribedRegion:
    """A box of an image, its label, and whether it is marked as crowd, group or difficult.

    `texts` are what the file says of it in words, `attributes` names and values, such as color: red.
    """

    box: tuple[float, ...]
    label: str | None
    is_crowd: bool = False
    area: float | None = None
    texts: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ImageEntry:
    """What a file states about an image.

    `name` is the image file's name as the tool wrote it; with `image`, the format has found the file itself.
    `where` is for messages. `image_id` is the tool's own number, and `split` the tool's own split, if any.
    `queries` replaces the regions in sources of expressions.
    """

    name: str
    where: str
    regions: Sequence[DescribedRegion] = ()
    size: Size | None = None
    image_id: Any = None
    split: str | None = None
    image: Path | None = None
    queries: Sequence[Query] | None = None


@dataclass(frozen=True)
class FileEntries:
    """The entries of a file, and what it holds beside them, counted by reason."""

    entries: Sequence[ImageEntry]
    left: Mapping[str, int] = field(default_factory=Counter)


def fixed_boxes(source: SourceSettings, usual: BoxFormat) -> BoxFormat:
    """Return the box format of a kind whose files state it by themselves.

    Raises:
        UserError: the recipe states another.
    """
    for key, value in (("boxes", source.boxes), ("units", source.units)):
        if value is not None:
            raise UserError(
                f"source.{key}: files of source.kind={source.kind} state their boxes in one way: "
                "remove the key"
            )
    return usual


@dataclass(frozen=True)
class DescribedSource:
    """A source of described images that is about to be made: its folder, files and box format."""

    source: SourceSettings
    folder: Path
    files: Mapping[str, Sequence[Path]]
    box_format: BoxFormat
    lost: Losses = ()

    def read(self, read: Callable[[Path], FileEntries], *, is_one_image_each: bool = False) -> ListedSource:
        """Read all files and return the source; a file of one image that cannot be read is counted.

        Raises:
            UserError: a file that cannot be read, or images that are not found or described twice.
        """
        entries: dict[str, list[tuple[ImageEntry, Path]]] = {"train": [], "val": []}
        lost = list(self.lost)
        paths = [(split, path) for split in self.files for path in self.files[split]]
        waiting: list[tuple[str, ImageEntry]] = []
        with progress_bar(len(paths), "reading files") as progress:
            for split, path in paths:
                progress.update()
                try:
                    content = read(path)
                except UnreadableError as error:
                    lost.append((split, Lost(ANNOTATION_UNREADABLE, 1, str(error))))
                    continue
                lost += [
                    (split, Lost(reason, number, str(path)))
                    for reason, number in content.left.items()
                    if number
                ]
                is_own = not self.source.val_files  # else the recipe's patterns decide
                found = [
                    (entry.split if entry.split and is_own else split, entry) for entry in content.entries
                ]
                if is_one_image_each:
                    waiting += found
                else:
                    self._find_images(found, path, _usual_places(path, self.folder), entries)
        if waiting:
            self._find_images(waiting, self.folder, [self.folder], entries)
        return self._make(entries, paths, tuple(lost))

    def check(self, paths: Iterable[Path]) -> frozenset[Path]:
        """Return the paths outside the source's folder.

        Raises:
            UserError: there are some, and the recipe does not allow them.
        """
        return check_outside(self.source, self.folder, paths)

    def _find_images(
        self,
        found: Sequence[tuple[str, ImageEntry]],
        path: Path,
        places: list[Path],
        entries: dict[str, list[tuple[ImageEntry, Path]]],
    ) -> None:
        below = self.folder
        if self.source.images is not None:
            below = self.folder / self.source.images
            places = [below]
            if not below.is_dir():
                raise UserError(f"source.images: {below}: no such folder")
        names = [entry.name for _, entry in found if entry.image is None]
        files = iter(resolve_names(names, places, below, str(path), self.check) if names else ())
        for split, entry in found:
            entries[split].append((entry, entry.image or next(files)))

    def _make(
        self,
        entries: Mapping[str, Sequence[tuple[ImageEntry, Path]]],
        paths: Sequence[tuple[str, Path]],
        lost: Losses,
    ) -> ListedSource:
        items = {
            split: sorted(
                (ListedImage(self._name_of(image), image, entry) for entry, image in found),
                key=lambda item: item.name,
            )
            for split, found in entries.items()
        }
        every = [item for split in items.values() for item in split]
        for split in items.values():
            _check_once(split)
        outside = self.check(item.image for item in every)
        is_numbered = _has_own_ids(every)
        if not is_numbered:
            check_distinct(item.name for item in every)
        names = _labels_of(every, self.source)
        source = self.source

        def annotate(item: ListedImage, place: Place) -> Annotation:
            entry: ImageEntry = item.data
            about_all = entry.queries is None
            queries = [Query(_objects(entry.regions, names, source))] if about_all else entry.queries or ()
            image_id = entry.image_id if is_numbered else derived_id(item.name)
            return Annotation(
                image_id, item.name, entry.size, tuple(queries), place, entry.where, is_numbered
            )

        return ListedSource(
            self.folder,
            items,
            annotate,
            self.box_format,
            [(split, path) for split, path in paths if is_regular(path)],
            number_categories(names) if names else None,
            outside,
            lost,
        )

    def _name_of(self, image: Path) -> str:
        return plain_name(posixpath.relpath(image.as_posix(), self.folder.as_posix()))


def _objects(regions: Sequence[DescribedRegion], names: Sequence[str], source: SourceSettings) -> RawObjects:
    """Return the regions as parallel lists; one that is ignored whatever is in it counts for every label."""
    spread = [
        (region, label)
        for region in regions
        for label in (names if region.label is ANY_LABEL and region.is_crowd else (region.label,))
        if region.label is not ANY_LABEL or source.crowds == "ignore"
    ]
    crowds = source.crowd_positions(region.is_crowd for region, _ in spread)
    return RawObjects(
        [region.box for region, _ in spread],
        [label for _, label in spread],
        [region.area for region, _ in spread],
        crowds,
        [region.texts for region, _ in spread] if any(region.texts for region, _ in spread) else (),
        [region.attributes for region, _ in spread] if any(region.attributes for region, _ in spread) else (),
    )


def _labels_of(items: Sequence[ListedImage], source: SourceSettings) -> tuple[str, ...]:
    """Return the labels of all regions in their order.

    Raises:
        UserError: a label stands for something else in the text of a question.
    """
    names: dict[str, str] = {}
    for item in items:
        entry: ImageEntry = item.data
        labels = [region.label for region in entry.regions]
        for query in entry.queries or ():
            labels += query.objects.labels
        for label in labels:
            if label is not None:
                names.setdefault(label, entry.where)
    for name, where in names.items():
        if mark := find_markup(name):
            raise UserError(f"{where}: label '{name}' contains {mark}, which stands for something else")
        if len(name) > source.max_text:
            raise UserError(
                f"{where}: a label of {len(name):,} characters, and source.max_text allows "
                f"{source.max_text:,}"
            )
    return tuple(sorted(names))


def _check_once(items: Sequence[ListedImage]) -> None:
    """Refuse images that two entries of a split describe: which boxes are right is a guess."""
    for one, other in pairwise(items):
        if one.name == other.name:
            raise UserError(
                f"{one.data.where} and {other.data.where} both describe {one.image}: keep one of them"
            )


def _has_own_ids(items: Sequence[ListedImage]) -> bool:
    """Tell whether the tool numbers all images, each with one number."""
    ids = [item.data.image_id for item in items]
    return all(type(number) is int and 0 <= number <= LARGEST_ID for number in ids) and len(set(ids)) == len(
        {item.name for item in items}
    )


def _usual_places(path: Path, folder: Path) -> list[Path]:
    """Return the folders to which the names in an annotation file are usually relative."""
    parents = dict.fromkeys((path.parent, path.parent.parent, folder))
    inside = [parent for parent in parents if parent == folder or folder in parent.parents]
    return [place for parent in inside for place in (parent, parent / "images")]
