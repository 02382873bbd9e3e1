"""ODVG lines, the training data of Open-GroundingDino and MM-Grounding-DINO.

Source of the format: Open-GroundingDino, `data_format.md`. A line has `filename`, and `detection` with
instances (bbox, label, category) or `grounding` with a caption and its regions (bbox, phrase). Boxes are xyxy
in pixels. A phrase is the label of its boxes: prompt=category asks for each one by itself. The phrase of one
box describes it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from grounding.boxes import Size
from grounding.categories import Category
from grounding.errors import UserError
from grounding.files import read_jsonl
from prepare.source_types import BoxFormat
from prepare.sources.shared.file_patterns import find_files, source_folder
from prepare.sources.shared.identity import plain_name
from prepare.sources.shared.listed import ListedSource
from prepare.sources.shared.source_values import (
    BadValueError,
    brief_value,
    read_label,
    read_numbers,
    read_side,
    read_text,
)
from prepare.sources.signs.folder_listing import FolderListing
from prepare.sources.signs.sign import Sign, files_with, only_these
from prepare.sources.source_settings import SourceSettings
from prepare.sources.tool_files.described_images import (
    DescribedRegion,
    DescribedSource,
    FileEntries,
    ImageEntry,
)
from prepare.sources.tool_files.split_words import find_split_files
from prepare.sources.tool_files.text_files import load_json

USUAL_BOXES = BoxFormat("xyxy", "pixels")

FILES, NAME_FILES = "**/*.jsonl", "**/*label_map*.json"


def find_signs(listing: FolderListing) -> Iterator[Sign]:
    """Yield ODVG for lines with a file name and `detection` or `grounding`."""
    found = [name for name in listing.sample(".jsonl") if any(map(_is_line, listing.rows(name)))]
    if found:
        evidence = files_with(found, "lines with filename, and detection or grounding")
        yield Sign("odvg", evidence, frozenset(found), keys=only_these(found, listing, ".jsonl"))


def _is_line(row: Mapping[str, Any]) -> bool:
    return bool({"filename", "file_name"} & row.keys() and {"detection", "grounding"} & row.keys())


def open_source(source: SourceSettings, categories: Sequence[Category]) -> ListedSource:
    """Read the lines; those with the same file name are one image.

    Raises:
        UserError: no lines, values of other types, or several files with the names of the labels.
    """
    del categories  # the files name them
    folder = source_folder(source, ("**/*",))
    files, lost = find_split_files(source, folder, FILES)
    described = DescribedSource(source, folder, files, source.box_format(USUAL_BOXES), lost)
    names = _read_names(folder, described)
    return described.read(lambda path: _read_lines(path, names, source.max_text))


def _read_names(folder: Path, described: DescribedSource) -> dict[str, Any]:
    """Return the names of the labels by their numbers as texts.

    Raises:
        UserError: files that differ, or not an object.
    """
    names: dict[str, Any] = {}
    paths = find_files(folder, NAME_FILES)
    described.check(paths)
    for path in paths:
        content = load_json(path)
        if not isinstance(content, dict):
            raise UserError(f"{path}: an object with the names of the labels is needed")
        if names and content != names:
            raise UserError(f"{paths[0]} and {path} name the labels in two ways: keep one of them")
        names = content
    return names


def _read_lines(path: Path, names: Mapping[str, Any], longest: int) -> FileEntries:
    found: dict[str, ImageEntry] = {}
    regions: dict[str, dict[tuple[Any, ...], DescribedRegion]] = {}
    for line, row in read_jsonl(path):
        where = f"{path}, line {line}"
        try:
            stated = read_text(row.get("filename", row.get("file_name")), "filename")
            width, height = (read_side(row.get(key), key) for key in ("width", "height"))
            stated_regions = _regions(row, names, longest)
        except BadValueError as error:
            raise UserError(f"{where}: {error}") from error
        size = Size(width, height) if width and height else None
        known = found.setdefault(plain_name(stated), ImageEntry(stated, where, size=size))
        if known.size != size:
            raise UserError(f"{known.where} and {where} state two sizes of '{stated}'")
        of_image = regions.setdefault(plain_name(stated), {})
        for region in stated_regions:  # the same box and label count once, with all that is said of them
            known_region = of_image.setdefault((region.box, region.label), region)
            texts = tuple(dict.fromkeys((*known_region.texts, *region.texts)))
            of_image[region.box, region.label] = replace(known_region, texts=texts)
    return FileEntries(
        [
            ImageEntry(entry.name, entry.where, tuple(regions[name].values()), entry.size)
            for name, entry in found.items()
        ]
    )


def _regions(row: Mapping[str, Any], names: Mapping[str, Any], longest: int) -> list[DescribedRegion]:
    if not {"detection", "grounding"} & row.keys():
        raise BadValueError("neither `detection` nor `grounding`: not a line of ODVG")
    regions = []
    for key, part, label_key in (("detection", "instances", "category"), ("grounding", "regions", "phrase")):
        items = _list(_object(row.get(key) or {}, key).get(part) or [], f"{key}.{part}")
        for number, item in enumerate(items):
            where = f"{key}.{part}[{number}]"
            stated = _object(item, where)
            label = stated.get(label_key)
            if label is None and "label" in stated:
                label = names.get(str(stated["label"]))
                if label is None:
                    raise BadValueError(
                        f"{where}: no category, and no file label_map.json that names label "
                        f"{brief_value(stated['label'])}"
                    )
            name = read_text(read_label(label, f"{where}.{label_key}", longest), f"{where}.{label_key}")
            boxes = stated.get("bbox")
            is_nested = isinstance(boxes, list) and bool(boxes) and isinstance(boxes[0], list)
            several = boxes if is_nested and isinstance(boxes, list) else [boxes]
            # A phrase about several boxes may be true of none by itself.
            texts = (name,) if label_key == "phrase" and len(several) == 1 else ()
            regions += [
                DescribedRegion(read_numbers(box), " ".join(name.split()), texts=texts) for box in several
            ]
    return regions


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadValueError(f"{where}: an object is needed, there is {brief_value(value)}")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadValueError(f"{where}: a list is needed, there is {brief_value(value)}")
    return value
