"""Visual Genome's regions: region_descriptions.json, and folders of images that are named by their ids.

Source of the format: the readme of version 1.4 at homes.cs.washington.edu/~ranjay/visualgenome. The file is
a list of {"id": 1, "regions": [{"phrase", "x", "y", "width", "height"}, ...]}, boxes in pixels. The image is
1.jpg in VG_100K or VG_100K_2. A phrase is a referring expression, and describes its region.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

from grounding.categories import Category
from grounding.errors import UserError
from grounding.files import is_unicode
from prepare.reasons import EXPRESSION_UNREADABLE
from prepare.source_types import BoxFormat, Query
from prepare.sources.parts.expression_query import ANYTHING, LabelledBox, query_of_expression
from prepare.sources.shared.file_patterns import source_folder
from prepare.sources.shared.json_stream import stream_array
from prepare.sources.shared.listed import ListedSource
from prepare.sources.shared.source_values import BadValueError, brief_value, read_numbers, read_whole
from prepare.sources.signs.folder_listing import FolderListing
from prepare.sources.signs.sign import Sign, files_with, only_these
from prepare.sources.source_settings import SourceSettings
from prepare.sources.tool_files.described_images import DescribedSource, FileEntries, ImageEntry
from prepare.sources.tool_files.paired_images import StemFinder
from prepare.sources.tool_files.split_words import find_split_files

USUAL_BOXES = BoxFormat("xywh", "pixels")

FILES = "**/region_descriptions*.json"
SIDES = ("x", "y", "width", "height")


def find_signs(listing: FolderListing) -> Iterator[Sign]:
    """Yield Visual Genome for lists of images with regions that have a phrase."""
    found = [
        name for name in listing.sample(".json") if listing.json(name).has("[]", "regions", "[]", "phrase")
    ]
    if found:
        evidence = files_with(found, "images with regions and their phrases")
        yield Sign("visual_genome", evidence, frozenset(found), keys=only_these(found, listing, ".json"))


def open_source(source: SourceSettings, categories: Sequence[Category]) -> ListedSource:
    """Read the regions; the same phrase about several regions of an image means all of them.

    Raises:
        UserError: no such files, values of other types, or two images with one id.
    """
    usual = categories[0].name if categories else ANYTHING
    folder = source_folder(source, ("**/*",))
    files, lost = find_split_files(source, folder, FILES)
    described = DescribedSource(source, folder, files, source.box_format(USUAL_BOXES), lost)
    images = StemFinder(folder / (source.images or ""), described.check)

    def read(path: Path) -> FileEntries:
        left: Counter[str] = Counter()
        entries = []
        for number, stated in enumerate(stream_array(path)):
            where = f"[{number}]"
            try:
                image_id, pairs = _read_image(stated, left)
            except BadValueError as error:
                raise UserError(f"{path}, {where}: {error}") from error
            stem, place = str(image_id), f"{path}, image {image_id}"
            queries = PackedQueries(stem, pairs, usual, source.max_text)
            image = images.find(stem, str(path))
            entries.append(ImageEntry(stem, place, image_id=image_id, image=image, queries=queries))
        return FileEntries(entries, left)

    return described.read(read)


class PackedQueries(Sequence[Query]):
    """The queries about the phrases of one image, kept as bytes: the whole file has five million phrases."""

    def __init__(
        self, name: str, pairs: Sequence[tuple[str, tuple[float, ...]]], label: str, longest: int
    ) -> None:
        """Keep phrases and boxes of the image of this name; see `query_of_expression`."""
        self._name, self._label, self._longest = name, label, longest
        self._packed = json.dumps(pairs, ensure_ascii=False).encode()

    def _unpack(self) -> list[Query]:
        found: dict[str, list[LabelledBox]] = {}
        for phrase, numbers in json.loads(self._packed):
            pair = tuple(numbers), self._label
            boxes = found.setdefault(phrase, [])
            boxes.extend([] if pair in boxes else [pair])
        return [
            query_of_expression(self._name, phrase, boxes, self._longest) for phrase, boxes in found.items()
        ]

    def __iter__(self) -> Iterator[Query]:
        """Unpack all queries once."""
        return iter(self._unpack())

    def __len__(self) -> int:
        """Return the number of different phrases."""
        return len(self._unpack())

    @overload
    def __getitem__(self, place: int) -> Query: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Query]: ...

    def __getitem__(self, place: int | slice) -> Query | Sequence[Query]:
        """Return one query, or some."""
        return self._unpack()[place]


def _read_image(stated: Any, left: Counter[str]) -> tuple[int, list[tuple[str, tuple[float, ...]]]]:
    """Return an image's id, and the phrase and the box of each region.

    Raises:
        BadValueError: values of other types.
    """
    if not isinstance(stated, dict) or not isinstance(regions := stated.get("regions"), list):
        raise BadValueError(f"an object with a list `regions` is needed, there is {brief_value(stated)}")
    image_id = read_whole(stated.get("id", stated.get("image_id")), "id")
    pairs = []
    for number, region in enumerate(regions):
        if not isinstance(region, dict):
            raise BadValueError(f"regions[{number}]: an object is needed, there is {brief_value(region)}")
        phrase = region.get("phrase")
        if not isinstance(phrase, str) or not phrase.strip() or not is_unicode(phrase):
            left[EXPRESSION_UNREADABLE] += 1
            continue
        pairs.append((" ".join(phrase.split()), read_numbers([region.get(side) for side in SIDES])))
    return image_id, pairs
