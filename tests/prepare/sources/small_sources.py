"""Small sources of every format as Python values, to be changed at will before they are written."""

import copy
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from PIL import Image

WIDTH, HEIGHT = 40, 20
IMAGES = 4


def picture(number: int) -> bytes:
    """Return an image of its own for each number."""
    buffer = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT), (number, 90, 7)).save(buffer, "PNG")
    return buffer.getvalue()


def box_of(number: int) -> list[int]:
    """Return the only box of an image, xyxy in pixels: another one for each."""
    return [2 * number, 2, 2 * number + 10, 12]


def coco_json() -> Any:
    entries = range(IMAGES)
    boxes = [[x1, y1, x2 - x1, y2 - y1] for x1, y1, x2, y2 in map(box_of, entries)]
    return {
        "images": [{"id": n + 1, "file_name": f"{n}.png", "width": WIDTH, "height": HEIGHT} for n in entries],
        "annotations": [
            {"id": n, "image_id": n + 1, "category_id": 1, "bbox": boxes[n], "area": 99.5, "iscrowd": 0}
            for n in entries
        ],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
    }


def phrases() -> Any:
    return [
        {"image": f"{n}.png", "expression": f"cat {n}", "bbox": box_of(n), "category": "cat"}
        | {"width": WIDTH, "height": HEIGHT}
        for n in range(IMAGES)
    ]


def records() -> Any:
    question = {"role": "user", "content": "<image>Where?"}
    answer = {"role": "assistant", "content": "<ref-object><bbox>"}
    return [
        {"messages": [question, answer], "images": [f"{n}.png"], "objects": {"ref": ["cat"], "bbox": [box]}}
        for n, box in enumerate(map(box_of, range(IMAGES)))
    ]


def yolo() -> Any:
    labels = [
        [0, (x1 + x2) / 2 / WIDTH, (y1 + y2) / 2 / HEIGHT, (x2 - x1) / WIDTH, (y2 - y1) / HEIGHT]
        for x1, y1, x2, y2 in map(box_of, range(IMAGES))
    ]
    return {"data": {"path": ".", "train": "images", "names": ["cat", "dog"]}, "labels": labels}


def voc() -> Any:
    return [
        {
            "size": {"width": WIDTH, "height": HEIGHT},
            "object": {
                "name": "cat",
                "difficult": 0,
                "bndbox": dict(zip(("xmin", "ymin", "xmax", "ymax"), box_of(n), strict=True)),
            },
        }
        for n in range(IMAGES)
    ]


def coco_parquet() -> Any:
    return [
        {"image_id": n + 1, "image": {"bytes": picture(n)}, "width": WIDTH, "height": HEIGHT}
        | {"objects": {"category": [0], "bbox": [[float(value) for value in box_of(n)]], "area": [99.5]}}
        for n in range(IMAGES)
    ]


def _write_images(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(IMAGES):
        (folder / f"{number}.png").write_bytes(picture(number))


def write_coco_json(content: Any, folder: Path) -> None:
    _write_images(folder / "images")
    (folder / "instances_train.json").write_text(json.dumps(content))


def write_lines(content: Any, folder: Path) -> None:
    _write_images(folder)
    rows = content if isinstance(content, list) else [content]
    (folder / "train.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def write_yolo(content: Any, folder: Path) -> None:
    _write_images(folder / "images")
    (folder / "labels").mkdir()
    content = content if isinstance(content, dict) else {}
    (folder / "data.yaml").write_text(yaml.safe_dump(content.get("data"), allow_unicode=True))
    rows = content.get("labels")
    for number, row in enumerate(rows[:IMAGES] if isinstance(rows, list) else []):
        words = row if isinstance(row, list) else [row]
        (folder / f"labels/{number}.txt").write_text(" ".join(map(_word, words)))


def write_voc(content: Any, folder: Path) -> None:
    _write_images(folder / "JPEGImages")
    (folder / "Annotations").mkdir()
    for number, row in enumerate(content[:IMAGES] if isinstance(content, list) else [content]):
        text = f"<annotation>{_xml(row)}</annotation>"
        (folder / f"Annotations/{number}.xml").write_text(text, encoding="utf-8")


def write_coco_parquet(content: Any, folder: Path) -> None:
    """Write what Arrow can hold: a column of one type; a row group of mixed types raises ArrowException."""
    folder.mkdir(parents=True)
    rows = content if isinstance(content, list) else [content]
    table = pa.Table.from_pylist([row for row in rows if isinstance(row, dict)])
    pq.write_table(table, folder / "train-00000-of-00001.parquet")


def _word(value: Any) -> str:
    return "".join(json.dumps(value, ensure_ascii=True).split())


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{key}>{_xml(inner)}</{key}>" for key, inner in value.items())
    return "".join(map(_xml, value)) if isinstance(value, list) else str(value)


SOURCES: dict[str, tuple[Callable[[], Any], Callable[[Any, Path], None]]] = {
    "coco_json": (coco_json, write_coco_json),
    "phrases": (phrases, write_lines),
    "records": (records, write_lines),
    "yolo": (yolo, write_yolo),
    "voc": (voc, write_voc),
    "coco_parquet": (coco_parquet, write_coco_parquet),
}
"""For each kind, the content of a good source, and what writes it."""

SETTINGS: dict[str, dict[str, Any]] = {
    "records": {"units": "pixels"},
    "voc": {"units": "pixels"},
    "coco_parquet": {"hub": "local"},
}
"""The `source` keys that a kind needs."""


def places_in(content: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the place of every value, as the keys that lead there; () is the whole content."""
    yield place
    children = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    for key, child in children:
        yield from places_in(child, (*place, key))


def replaced(content: Any, place: tuple[Any, ...], value: Any) -> Any:
    """Return a copy of the content with another value at a place."""
    if not place:
        return value
    changed = copy.deepcopy(content)
    target = changed
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    return changed
