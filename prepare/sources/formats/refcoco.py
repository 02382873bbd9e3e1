"""RefCOCO, RefCOCO+ and RefCOCOg: refs(*.p) with the expressions, and instances.json with the boxes.

Source of the format: github.com/lichengunc/refer, README.md and refer.py. The file of expressions is a
pickle, a list of dicts with ann_id, image_id, split and sentences; the text of a sentence is `sent`. Boxes
are xywh in pixels.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grounding.categories import Category
from grounding.errors import UserError
from grounding.files import is_unicode
from prepare.reasons import (
    ANNOTATION_WITHOUT_IMAGE,
    EXPRESSION_IN_NO_SPLIT,
    EXPRESSION_UNREADABLE,
    EXPRESSION_WITHOUT_BOX,
)
from prepare.source_types import BoxFormat
from prepare.sources.parts.coco_entries import AnnotationRow, Entries, add_category, add_image, read_row
from prepare.sources.parts.expression_query import ANYTHING, LabelledBox, query_of_expression
from prepare.sources.shared.file_patterns import check_outside, find_files, list_files, source_folder
from prepare.sources.shared.identity import plain_name
from prepare.sources.shared.json_stream import stream_lists
from prepare.sources.shared.listed import ListedSource
from prepare.sources.shared.source_values import BadValueError, brief_value, read_key
from prepare.sources.source_settings import SourceSettings
from prepare.sources.tool_files.described_images import DescribedSource, FileEntries, ImageEntry
from prepare.sources.tool_files.plain_pickles import load_plain

USUAL_BOXES = BoxFormat("xywh", "pixels")

FILES, INSTANCES = "**/refs(*.p", "instances.json"
LISTS = ("categories", "images", "annotations")
TRAIN, VAL = "train", "val"


@dataclass
class _Instances:
    """What instances.json states: categories, images, and the annotations asked for, by their ids."""

    names: dict[int, str] = field(default_factory=dict)
    images: Entries = field(default_factory=dict)
    rows: dict[Any, AnnotationRow] = field(default_factory=dict)


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
    val = source.val_split or VAL
    refs, left = [], Counter[str]()
    splits: Counter[str] = Counter()
    for number, ref, sentences in _refs_in(path):
        split = str(ref.get("split"))
        splits[split] += 1
        if split in (TRAIN, val):
            refs.append((number, ref, sentences))
        else:
            left[EXPRESSION_IN_NO_SPLIT] += len(sentences)
    if TRAIN not in splits or (source.val_split and val not in splits):
        missing, key = (val, "val_split") if TRAIN in splits else (TRAIN, "train_files")
        raise UserError(
            f"source.{key}: {path}: no split '{missing}'; there are {', '.join(sorted(splits)) or 'none'}"
        )
    stated = _read_instances(instances, {ref["ann_id"] for _, ref, _ in refs}, source)
    found: dict[tuple[str, Any], dict[str, list[LabelledBox]]] = defaultdict(lambda: defaultdict(list))
    for _, ref, sentences in refs:
        row, is_listed = stated.rows.get(ref["ann_id"]), ref["image_id"] in stated.images
        texts = [text for text in map(_text_of, sentences) if text]
        left[EXPRESSION_UNREADABLE] += len(sentences) - len(texts)
        if not is_listed or row is None:
            left[EXPRESSION_WITHOUT_BOX if is_listed else ANNOTATION_WITHOUT_IMAGE] += len(texts)
            continue
        pair = row.box, stated.names.get(row.category_id, ANYTHING)
        for text in texts:
            boxes = found["train" if ref["split"] == TRAIN else "val", ref["image_id"]][text]
            boxes.extend([] if pair in boxes else [pair])
    return FileEntries(list(_entries(found, stated.images, path, source.max_text)), left)


def _refs_in(path: Path) -> Iterator[tuple[int, Mapping[str, Any], Sequence[Any]]]:
    """Yield number, values and sentences of each object that expressions are about.

    Raises:
        UserError: values of other types.
    """
    refs = load_plain(path)
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
        yield number, ref, ref["sentences"]


def _text_of(sentence: Any) -> str:
    """Return the text of a sentence, "" if it has none that can be written."""
    text = sentence.get("sent") if isinstance(sentence, dict) else None
    return " ".join(text.split()) if isinstance(text, str) and is_unicode(text) else ""


def _read_instances(path: Path, wanted: set[Any], source: SourceSettings) -> _Instances:
    """Return the categories, the images, and the wanted annotations by their ids.

    Raises:
        UserError: no such file, or values of other types.
    """
    stated = _Instances()
    order = source.box_format(USUAL_BOXES).order
    keys: Counter[str] = Counter()
    for key, value in stream_lists(path, LISTS):
        where = f"{key}[{keys[key]}]"
        keys[key] += 1
        try:
            if not isinstance(value, dict):
                raise BadValueError(f"{where}: an object is needed, there is {brief_value(value)}")
            if key == "categories":
                add_category(value, where, stated.names, source.max_text)
            elif key == "images":
                add_image(value, where, stated.images)
            elif read_key(value.get("id"), f"{where}.id") in wanted:
                stated.rows[value["id"]] = read_row(value, where, order)[1]
        except BadValueError as error:
            raise UserError(f"{path}, {error}") from error
    if missing := set(LISTS) - keys.keys():
        raise UserError(f"{path}: no {', '.join(sorted(missing))}: not the instances of RefCOCO")
    return stated


def _entries(
    found: Mapping[tuple[str, Any], Mapping[str, Sequence[LabelledBox]]],
    images: Entries,
    path: Path,
    longest: int,
) -> Iterator[ImageEntry]:
    for (split, image_id), expressions in found.items():
        name, size = images[image_id]
        queries = tuple(
            query_of_expression(plain_name(name), text, boxes, longest) for text, boxes in expressions.items()
        )
        yield ImageEntry(
            name, f"{path}, image {image_id}", (), size, image_id, split, image=None, queries=queries
        )
