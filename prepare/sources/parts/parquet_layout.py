"""Where the columns of a parquet file hold images and objects, in the layouts that data sets on hubs have.

Source of the layouts: detection-datasets/coco (image_id, width, height, objects as lists), and the Hugging
Face libraries' own ones: no ids, no sizes, `objects` as a list of structs, labels as texts. The names of
labels that are numbers are in the metadata of the schema, key `huggingface`, class ClassLabel.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from grounding.errors import UserError

IMAGES = ("image", "img", "picture")
OBJECTS = ("objects", "object", "annotations")
BOXES = ("bbox", "bboxes", "boxes", "box")
LABELS = ("category", "categories", "label", "labels", "class", "classes")
AREAS, CROWDS = ("area", "areas"), ("iscrowd", "is_crowd")

METADATA_KEY = b"huggingface"


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_whole(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_boolean(kind))


def _is_label(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_bytes(kind: Any) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_list(kind: Any) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _is_box(kind: Any) -> bool:
    return _is_list(kind) and _is_number(kind.value_type)


@dataclass(frozen=True)
class ParquetLayout:
    """The names of the columns; None where a file has none.

    The fields of objects are in the column `objects`, a struct of lists or a list of structs; without it they
    are columns of their own. `names` are those of the labels by their numbers, empty if the file has none.
    """

    image: str
    has_paths: bool
    image_id: str | None
    sides: tuple[str, str] | None
    objects: str | None
    is_list_of_structs: bool
    box: str
    label: str
    area: str | None
    crowd: str | None
    names: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that annotations are made from; of the image only its path, if it is needed."""
        fields = [name for name in (self.box, self.label, self.area, self.crowd) if name]
        own = [name for name in (self.image_id, *(self.sides or ())) if name]
        paths = [f"{self.image}.path"] if self.image_id is None and self.has_paths else []
        return (*own, *([self.objects] if self.objects else fields), *paths)

    def fields_of(self, table: Any) -> dict[str, list[Any]]:
        """Return the values of a batch as Python's, by column."""
        return {
            name: table.column(name.partition(".")[0]).to_pylist()
            for name in self.columns
            if not name.endswith(".path")
        }

    def paths_of(self, table: Any) -> list[str | None]:
        """Return the paths of a batch's images."""
        found: list[str | None] = table.column(self.image).field("path").to_pylist()
        return found

    def objects_of(self, row: dict[str, Any]) -> dict[str, Sequence[Any]]:
        """Return the fields of a row's objects as parallel lists, by the names of the layout."""
        keys = [name for name in (self.box, self.label, self.area, self.crowd) if name]
        if self.objects is None:
            return {key: row[key] or () for key in keys}
        stated = row[self.objects] or ()
        if self.is_list_of_structs:
            return {key: [(item or {}).get(key) for item in stated] for key in keys}
        return {key: stated.get(key) or () for key in keys} if stated else dict.fromkeys(keys, ())


def find_layout(path: Path, schema: Any) -> ParquetLayout:
    """Find the columns of a file.

    Raises:
        UserError: columns are missing, or hold something else.
    """
    image = _first(IMAGES, schema.names) or IMAGES[0]
    objects = _first(OBJECTS, schema.names)
    if objects is None and _first(BOXES, schema.names) is None:
        objects = OBJECTS[0]
    kind = schema.field(objects).type if objects in schema.names else None
    is_list_of_structs = kind is not None and _is_list(kind) and pa.types.is_struct(kind.value_type)
    struct = kind.value_type if kind is not None and is_list_of_structs else kind
    known = _fields(struct) if objects else {name: schema.field(name).type for name in schema.names}
    box, label = (_first(names, known) or names[0] for names in (BOXES, LABELS))
    image_fields = _fields(schema.field(image).type) if image in schema.names else {}
    prefix = f"{objects}." if objects else ""
    missing = [] if image in schema.names else [image]
    missing += [f"{image}.bytes"] if image in schema.names and "bytes" not in image_fields else []
    missing += [objects] if objects and kind is None else []
    missing += [
        f"{prefix}{name}" for name in (label, box) if kind is not None or not objects if name not in known
    ]
    if missing:
        raise UserError(
            f"{path}: no column {', '.join(missing)}: expected are the columns of detection-datasets/coco, "
            f"there are {', '.join(schema.names)}"
        )
    layout = ParquetLayout(
        image,
        "path" in image_fields,
        "image_id" if "image_id" in schema.names else None,
        ("width", "height") if {"width", "height"} <= set(schema.names) else None,
        objects,
        is_list_of_structs,
        box,
        label,
        _first(AREAS, known),
        _first(CROWDS, known),
        _names_in(schema.metadata, objects, label),
    )
    _check_types(path, schema, layout, known, image_fields, prefix)
    return layout


def _first(names: Iterable[str], known: Iterable[str]) -> str | None:
    there = set(known)
    return next((name for name in names if name in there), None)


def _fields(kind: Any) -> dict[str, Any]:
    if kind is None or not pa.types.is_struct(kind):
        return {}
    return {kind.field(i).name: kind.field(i).type for i in range(kind.num_fields)}


def _check_types(
    path: Path,
    schema: Any,
    layout: ParquetLayout,
    known: dict[str, Any],
    image_fields: dict[str, Any],
    prefix: str,
) -> None:
    """Check what each column holds; any value can be null.

    Raises:
        UserError: a column holds something else.
    """
    checks: list[tuple[str, Any, Callable[[Any], bool], str]] = [
        (f"{layout.image}.bytes", image_fields["bytes"], _is_bytes, "bytes")
    ]
    if layout.image_id:
        checks.append(
            (layout.image_id, schema.field(layout.image_id).type, pa.types.is_integer, "whole numbers")
        )
    checks += [(side, schema.field(side).type, _is_number, "numbers") for side in layout.sides or ()]
    fields: tuple[tuple[str | None, Callable[[Any], bool], str], ...] = (
        (layout.label, _is_label, "whole numbers or texts"),
        (layout.box, _is_box, "lists of numbers"),
        (layout.area, _is_number, "numbers"),
        (layout.crowd, _is_whole, "whole numbers"),
    )
    for name, fits, needed in fields:
        if name is None:
            continue
        kind = known[name]
        if not layout.is_list_of_structs:
            if not _is_list(kind):
                raise UserError(f"{path}: column {prefix}{name} holds {kind}, not lists of {needed}")
            kind = kind.value_type
        checks.append((f"{prefix}{name}", kind, fits, needed))
    for name, kind, fits, needed in checks:
        if not fits(kind):
            raise UserError(f"{path}: column {name} holds {kind}, not {needed}")


def _names_in(metadata: Any, objects: str | None, label: str) -> tuple[str, ...]:
    """Return the names of the labels in the metadata of a schema; none if it has none or is damaged."""
    try:
        features = json.loads((metadata or {}).get(METADATA_KEY, b"{}"))["info"]["features"]
        found = _class_names(features[objects] if objects else {label: features[label]}, label)
    except (ValueError, KeyError, TypeError, RecursionError):
        return ()
    return found or ()


def _class_names(feature: Any, label: str) -> tuple[str, ...] | None:
    """Return the names of the ClassLabel below the key of the label."""
    children: list[Any] = []
    if isinstance(feature, dict):
        if label in feature:
            return _names_below(feature[label])
        children = list(feature.values())
    elif isinstance(feature, list):
        children = feature
    return next((found for found in (_class_names(child, label) for child in children) if found), None)


def _names_below(feature: Any) -> tuple[str, ...] | None:
    if isinstance(feature, dict) and isinstance(feature.get("names"), list):
        names = feature["names"]
        return tuple(names) if all(isinstance(name, str) for name in names) else None
    children = list(feature.values()) if isinstance(feature, dict) else feature
    if not isinstance(children, list):
        return None
    return next((found for found in map(_names_below, children) if found), None)
