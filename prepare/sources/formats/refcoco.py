"""RefCOCO, RefCOCO+ and RefCOCOg: refs(*.p) with the expressions, and instances.json with the boxes.

Source of the format: github.com/lichengunc/refer, README.md and refer.py. The file of expressions is a
pickle, a list of dicts with ann_id, image_id, split and sentences; the text of a sentence is `sent`. Boxes
are xywh in pixels.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from glob import escape as glob_escape
from pathlib import Path
from typing import Any

from grounding.categories import Category
from grounding.errors import UserError
from prepare.reasons import (
    ANNOTATION_WITHOUT_IMAGE,
    EXPRESSION_WITHOUT_BOX,
)
from prepare.source_types import BoxFormat
from prepare.sources.parts.coco_entries import (
    AnnotationRow,
    Entries,
    add_category,
    add_image,
    read_entries,
    read_row,
)
from prepare.sources.parts.expression_query import ANYTHING
from prepare.sources.shared.file_patterns import check_outside, find_files, list_files, source_folder
from prepare.sources.shared.listed import ListedSource
from prepare.sources.shared.source_values import BadValueError, read_key
from prepare.sources.signs.folder_listing import FolderListing
from prepare.sources.signs.sign import Sign
from prepare.sources.source_settings import SourceSettings
from prepare.sources.tool_files.described_images import DescribedSource, FileEntries
from prepare.sources.tool_files.plain_pickles import load_plain_pickle
from prepare.sources.tool_files.referred_objects import ExpressionCollector, ReferredImage

USUAL_BOXES = BoxFormat("xywh", "pixels")

FILES, INSTANCES = "**/refs(*.p", "instances.json"


@dataclass
class _Instances:
    """What instances.json states: categories, images, and the annotations asked for, by their ids."""

    names: dict[int, str] = field(default_factory=dict)
    images: Entries = field(default_factory=dict)
    rows: dict[Any, AnnotationRow] = field(default_factory=dict)


def find_signs(listing: FolderListing) -> Iterator[Sign]:
    """Yield RefCOCO for each file of expressions beside instances.json."""
    for name in listing.with_suffix(".p"):
        folder, _, last = name.rpartition("/")
        instances = f"{folder}/{INSTANCES}".removeprefix("/")
        if last.startswith("refs(") and instances in listing.known:
            evidence = f"{name} has the name of RefCOCO's expressions, and {INSTANCES} is beside it"
            keys = {"source.train_files": glob_escape(name)}
            yield Sign("refcoco", evidence, frozenset({name, instances}), keys=keys)


def open_source(source: SourceSettings, categories: Sequence[Category]) -> ListedSource:
    """Read the expressions of the split train, and of the one that source.val_split names.

    Those of other splits are counted. The same expression about several boxes of an image is one query.

    Raises:
        UserError: not one file of expressions, code in it, no instances.json, or no such split.
    """
    del categories  # the files name them
    if source.val_files:
        raise UserError("source.val_files: the splits are in the file of expressions: set source.val_split")
    folder = source_folder(source, ("**/*",))
    pattern = source.train_files or FILES
    found = find_files(folder, pattern) if folder.is_dir() else ()
    if len(found) != 1:
        names = ", ".join(path.relative_to(folder).as_posix() for path in found)
        raise UserError(
            f"source.train_files: '{pattern}' fits {names}: set it to one of them"
            if found
            else f"source.path: no file in {folder} matches '{pattern}'; {list_files(folder)}"
        )
    instances = found[0].with_name(INSTANCES)
    check_outside(source, folder, (*found, instances))
    files = {"train": (*found, instances), "val": ()}
    described = DescribedSource(source, folder, files, source.box_format(USUAL_BOXES))

    def read(path: Path) -> FileEntries:
        return FileEntries([]) if path == instances else _read_refs(path, instances, source)

    return described.read(read)


def _read_refs(path: Path, instances: Path, source: SourceSettings) -> FileEntries:
    collector = ExpressionCollector(source, path)
    refs = [ref for ref in _refs_in(path) if collector.takes(str(ref.get("split")), ref["sentences"])]
    stated = _read_instances(instances, {ref["ann_id"] for ref in refs}, source)
    for ref in refs:
        image_id, texts = ref["image_id"], collector.read_texts(ref["sentences"])
        row, image = stated.rows.get(ref["ann_id"]), stated.images.get(image_id)
        if image is None:
            collector.left[ANNOTATION_WITHOUT_IMAGE] += len(texts)
        elif row is None:
            collector.left[EXPRESSION_WITHOUT_BOX] += len(texts)
        else:
            label = stated.names.get(row.category_id, ANYTHING)
            referred = ReferredImage(*image, image_id, f"{path}, image {image_id}")
            collector.add(ref["split"], referred, (row.box, label), texts)
    return collector.finish()


def _refs_in(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the values of each object that expressions are about.

    Raises:
        UserError: values of other types.
    """
    refs = load_plain_pickle(path)
    if not isinstance(refs, list):
        raise UserError(f"{path}: a list of refs is needed, there is {type(refs).__name__}")
    for number, ref in enumerate(refs):
        where = f"refs[{number}]"
        try:
            if not isinstance(ref, dict) or not isinstance(ref.get("sentences"), list):
                raise BadValueError(f"{where}: a dict with a list `sentences` is needed")
            for key in ("ann_id", "image_id"):
                read_key(ref.get(key), f"{where}.{key}")
        except BadValueError as error:
            raise UserError(f"{path}, {error}") from error
        yield ref


def _read_instances(path: Path, wanted: set[Any], source: SourceSettings) -> _Instances:
    """Return the categories, the images, and the wanted annotations by their ids.

    Raises:
        UserError: no such file, or values of other types.
    """
    stated = _Instances()
    order = source.box_format(USUAL_BOXES).order

    def take(key: str, value: dict[str, Any], where: str) -> None:
        if key == "categories":
            add_category(value, where, stated.names, source.max_text)
        elif key == "images":
            add_image(value, where, stated.images)
        elif read_key(value.get("id"), f"{where}.id") in wanted:
            stated.rows[value["id"]] = read_row(value, where, order)[1]

    if missing := read_entries(path, take):
        raise UserError(f"{path}: no {', '.join(missing)}: not the instances of RefCOCO")
    return stated
