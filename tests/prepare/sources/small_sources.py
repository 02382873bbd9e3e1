"""Small sources of every format as Python values, to be changed at will before they are written."""

import copy
import csv
import io
import json
import pickle
import xml.etree.ElementTree as ET
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
            | {"caption": f"the cat {n}", "attributes": {"state": "asleep", "occluded": True}}
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


def labelme() -> Any:
    return [
        {
            "version": "5.4.1",
            "flags": {},
            "shapes": [
                {
                    "label": "cat",
                    "points": [[x1, y1], [x2, y2]],
                    "group_id": None,
                    "shape_type": "rectangle",
                    "description": f"the cat {n}",
                    "flags": {"occluded": True, "truncated": False},
                }
            ],
            "imagePath": f"{n}.png",
            "imageData": None,
            "imageHeight": HEIGHT,
            "imageWidth": WIDTH,
        }
        for n, (x1, y1, x2, y2) in enumerate(map(box_of, range(IMAGES)))
    ]


def label_studio() -> Any:
    return [
        {
            "id": n + 1,
            "data": {"image": f"/data/upload/4/{n:08x}-{n}.png"},
            "annotations": [
                {
                    "id": n,
                    "was_cancelled": False,
                    "ground_truth": False,
                    "updated_at": "2024-01-01T10:00:00Z",
                    "result": [
                        {
                            "id": "a",
                            "type": kind,
                            "from_name": name,
                            "original_width": WIDTH,
                            "original_height": HEIGHT,
                            "image_rotation": 0,
                            "value": {
                                "x": 100 * x1 / WIDTH,
                                "y": 100 * y1 / HEIGHT,
                                "width": 100 * (x2 - x1) / WIDTH,
                                "height": 100 * (y2 - y1) / HEIGHT,
                                "rotation": 0,
                                key: [f"the cat {n}" if kind == "textarea" else word],
                            },
                        }
                        for kind, name, key, word in (
                            ("rectanglelabels", "label", "rectanglelabels", "cat"),
                            ("textarea", "description", "text", ""),
                            ("choices", "state", "choices", "asleep"),
                        )
                    ],
                }
            ],
            "predictions": [],
        }
        for n, (x1, y1, x2, y2) in enumerate(map(box_of, range(IMAGES)))
    ]


def openimages() -> Any:
    return [
        {"ImageID": n, "Source": "xclick", "LabelName": "/m/01yrx", "Confidence": 1}
        | {"XMin": x1 / WIDTH, "XMax": x2 / WIDTH, "YMin": y1 / HEIGHT, "YMax": y2 / HEIGHT, "IsGroupOf": 0}
        for n, (x1, y1, x2, y2) in enumerate(map(box_of, range(IMAGES)))
    ]


def odvg() -> Any:
    row = {"height": HEIGHT, "width": WIDTH}
    return [
        {"filename": f"{n}.png"}
        | row
        | (
            {"detection": {"instances": [{"bbox": box_of(n), "label": 0, "category": "cat"}]}}
            if n % 2
            else {"grounding": {"caption": "a cat", "regions": [{"bbox": box_of(n), "phrase": "cat"}]}}
        )
        for n in range(IMAGES)
    ]


def cvat() -> Any:
    return [
        {"id": n, "name": f"{n}.png", "width": WIDTH, "height": HEIGHT}
        | {
            "box": {
                "label": "cat",
                "occluded": 0,
                **dict(zip(("xtl", "ytl", "xbr", "ybr"), box, strict=True)),
            }
        }
        for n, box in enumerate(map(box_of, range(IMAGES)))
    ]


def via() -> Any:
    return {
        f"{n}.png1234": {
            "filename": f"{n}.png",
            "size": 1234,
            "regions": [
                {
                    "shape_attributes": {
                        "name": "rect",
                        "x": x1,
                        "y": y1,
                        "width": x2 - x1,
                        "height": y2 - y1,
                    },
                    "region_attributes": {"class": "cat"},
                }
            ],
            "file_attributes": {},
        }
        for n, (x1, y1, x2, y2) in enumerate(map(box_of, range(IMAGES)))
    }


def visdrone() -> Any:
    return [[x1, y1, x2 - x1, y2 - y1, 1, 4, 0, 0] for x1, y1, x2, y2 in map(box_of, range(IMAGES))]


def kitti() -> Any:
    return [["cat", 0, 0, -1.57, *box_of(n), 1.5, 1.6, 3.9, 1.0, 1.4, 8.4, -1.56] for n in range(IMAGES)]


def image_folder() -> Any:
    return [
        {"file_name": f"{n}.png", "objects": {"bbox": [[x1, y1, x2 - x1, y2 - y1]], "categories": ["cat"]}}
        for n, (x1, y1, x2, y2) in enumerate(map(box_of, range(IMAGES)))
    ]


def refcoco() -> Any:
    refs = [
        {"ref_id": n, "ann_id": n, "image_id": n + 1, "category_id": 1, "split": "train"}
        | {"file_name": f"{n}_1.png", "sent_ids": [n]}
        | {"sentences": [{"sent_id": n, "sent": f"cat {n}", "raw": f"Cat {n}", "tokens": ["cat", str(n)]}]}
        for n in range(IMAGES)
    ]
    return {"refs": refs, "instances": coco_json()}


def refcoco_parquet() -> Any:
    return [
        {"image_path": f"{n}.png", "image_id": n, "split": "train", "bbox": box_of(n)}
        | {"sentences": [{"sent": f"cat {n}", "raw": f"Cat {n}", "sent_id": n, "tokens": ["cat"]}]}
        for n in range(IMAGES)
    ]


def visual_genome() -> Any:
    return [
        {"id": n, "regions": [region | {"region_id": n, "image_id": n, "phrase": f"cat {n}"}]}
        for n, (x1, y1, x2, y2) in enumerate(map(box_of, range(IMAGES)))
        for region in [{"x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1}]
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
    folder.mkdir(parents=True, exist_ok=True)
    rows = content if isinstance(content, list) else [content]
    table = pa.Table.from_pylist([row for row in rows if isinstance(row, dict)])
    pq.write_table(table, folder / "train-00000-of-00001.parquet")


def write_labelme(content: Any, folder: Path) -> None:
    _write_images(folder)
    for number, row in enumerate(content[:IMAGES] if isinstance(content, list) else [content]):
        (folder / f"{number}.json").write_text(json.dumps(row))


def write_json(content: Any, folder: Path) -> None:
    _write_images(folder / "images")
    (folder / "export.json").write_text(json.dumps(content))


def write_visual_genome(content: Any, folder: Path) -> None:
    _write_images(folder / "VG_100K")
    (folder / "region_descriptions.json").write_text(json.dumps(content))


def write_openimages(content: Any, folder: Path) -> None:
    _write_images(folder / "images")
    rows = [row for row in (content if isinstance(content, list) else [content]) if isinstance(row, dict)]
    with (folder / "boxes.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(openimages()[0]), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def write_odvg(content: Any, folder: Path) -> None:
    write_lines(content, folder)


def write_image_folder(content: Any, folder: Path) -> None:
    write_lines(content, folder)
    (folder / "train.jsonl").rename(folder / "metadata.jsonl")


def write_refcoco_parquet(content: Any, folder: Path) -> None:
    _write_images(folder / "images")
    write_coco_parquet(content, folder)


def write_refcoco(content: Any, folder: Path) -> None:
    _write_images(folder / "images")
    values = content if isinstance(content, dict) else {}
    (folder / "refs(unc).p").write_bytes(pickle.dumps(values.get("refs"), 2))
    (folder / "instances.json").write_text(json.dumps(values.get("instances")))


def write_cvat(content: Any, folder: Path) -> None:
    _write_images(folder / "images")
    root = ET.Element("annotations")
    ET.SubElement(root, "version").text = "1.1"
    for row in content if isinstance(content, list) else [content]:
        values = row if isinstance(row, dict) else {}
        image = ET.SubElement(root, "image", {k: _text(v) for k, v in values.items() if k != "box"})
        if isinstance(box := values.get("box"), dict):
            stated = {key: _text(value) for key, value in box.items() if key != "attributes"}
            shape = ET.SubElement(image, "box", stated)
            for name, value in box.get("attributes", {}).items():
                ET.SubElement(shape, "attribute", {"name": name}).text = _text(value)
    (folder / "annotations.xml").write_bytes(ET.tostring(root, "utf-8", xml_declaration=True))


def write_visdrone(content: Any, folder: Path) -> None:
    _write_images(folder / "images")
    _write_texts(content, folder / "annotations", ",")


def write_kitti(content: Any, folder: Path) -> None:
    _write_images(folder / "image_2")
    _write_texts(content, folder / "label_2", " ")


def _write_texts(content: Any, folder: Path, between: str) -> None:
    folder.mkdir()
    for number, row in enumerate(content[:IMAGES] if isinstance(content, list) else [content]):
        values = row if isinstance(row, list) else [row]
        text = between.join(value if value == "cat" else _word(value) for value in values)
        (folder / f"{number}.txt").write_text(f"{text}\n")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


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
    "labelme": (labelme, write_labelme),
    "label_studio": (label_studio, write_json),
    "openimages": (openimages, write_openimages),
    "odvg": (odvg, write_odvg),
    "cvat": (cvat, write_cvat),
    "via": (via, write_json),
    "visdrone": (visdrone, write_visdrone),
    "kitti": (kitti, write_kitti),
    "image_folder": (image_folder, write_image_folder),
    "refcoco": (refcoco, write_refcoco),
    "refcoco_parquet": (refcoco_parquet, write_refcoco_parquet),
    "visual_genome": (visual_genome, write_visual_genome),
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
