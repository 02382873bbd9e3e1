"""Do other tools read our exports? Their own loaders, on one prepared data set, against its annotations.

    python benchmarks/foreign_readers.py data/demo

Run it with the Python of an environment that has some of these packages; those that are missing are skipped:

    pycocotools       coco_json
    supervision       coco_json, yolo and voc
    label-studio-sdk  label_studio: valid for the labelling interface, and through its converter to COCO
    datumaro          cvat
    llamafactory      sharegpt: dataset_info.json is found, every row is converted, every image is there
    ms-swift          ms_swift: every row is loaded; its normalize_bbox gives the boxes of the records again

The exports are written by this project's own Python (--python, else .venv/bin/python) into a temporary
folder. A line for each: what was read, and by how many pixels a corner of a validation box is off at most.
The exit code is 1 if a box is missing or off by more than half a pixel, or if a row or an image is missing.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FORMATS = ("coco_json", "yolo", "voc", "label_studio", "cvat", "sharegpt", "ms_swift")
MOST_PIXELS = 0.5
GRID = 1000

Boxes = dict[str, list[tuple[str, list[float]]]]
"""Label and corners in pixels of each object, by the name of the image file."""


def main() -> int:
    """Export, read with every installed tool, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path, help="folder of a prepared data set of categories")
    parser.add_argument("--python", default=str(ROOT / ".venv/bin/python"), help="the project's own Python")
    parser.add_argument("--only", metavar="PACKAGE", help="one of them, such as swift or supervision")
    arguments = parser.parse_args()
    dataset = arguments.dataset.resolve()
    failures = read = 0
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for kind in FORMATS:
            command = [arguments.python, "-m", "prepare.export", str(dataset), f"format={kind}"]
            subprocess.run(
                [*command, f"output_dir={place / kind}"], cwd=ROOT, check=True, capture_output=True
            )
        for package, kind, check in CHECKS:
            if arguments.only not in (None, package):
                continue
            if importlib.util.find_spec(package) is None:
                print(f"{package:<18}{kind:<14}skipped: not installed here")
                continue
            read += 1
            try:
                print(f"{package:<18}{kind:<14}{check(dataset, place / kind)}")
            except MismatchError as error:
                failures += 1
                print(f"{package:<18}{kind:<14}FAILED: {error}")
    print(f"{read} readings, {failures} failed")
    return int(failures > 0 or read == 0)


class MismatchError(Exception):
    """A tool read something else than the data set holds."""


def truth(dataset: Path, *, crowds: bool) -> Boxes:
    """Return the boxes of annotations_val.json."""
    content = json.loads((dataset / "annotations_val.json").read_text(encoding="utf-8"))
    names = {row["id"]: row["name"] for row in content["categories"]}
    files = {row["id"]: Path(row["file_name"]).name for row in content["images"]}
    found: Boxes = {name: [] for name in files.values()}
    for row in content["annotations"]:
        if crowds or not row["iscrowd"]:
            x, y, width, height = row["bbox"]
            found[files[row["image_id"]]].append((names[row["category_id"]], [x, y, x + width, y + height]))
    return found


def compare(found: Boxes, wanted: Boxes) -> str:
    """Say how far the boxes of the validation images are apart.

    Raises:
        MismatchError: other images, other labels, or a corner that is off by more than half a pixel.
    """
    if found.keys() != wanted.keys():
        raise MismatchError(f"{len(found)} images, not {len(wanted)}")
    most, boxes = 0.0, 0
    for name, rows in wanted.items():
        others = found[name]
        if sorted(label for label, _ in rows) != sorted(label for label, _ in others):
            raise MismatchError(
                f"{name}: {[label for label, _ in others]}, not {[label for label, _ in rows]}"
            )
        left = list(others)
        for label, box in rows:
            near = min((row for row in left if row[0] == label), key=lambda row: distance(row[1], box))
            left.remove(near)
            most, boxes = max(most, distance(near[1], box)), boxes + 1
    if most > MOST_PIXELS:
        raise MismatchError(f"a corner is off by {most:.3f} pixels")
    return f"{len(wanted)} images, {boxes} boxes, off by {most:.6f} pixels at most"


def distance(first: list[float], second: list[float]) -> float:
    """Return the largest distance between two corners along a side."""
    return max(abs(a - b) for a, b in zip(first, second, strict=True))


def read_pycocotools(dataset: Path, folder: Path) -> str:
    """Read the validation file with pycocotools."""
    from pycocotools.coco import COCO

    reader = COCO(str(folder / "annotations/instances_val.json"))
    found: Boxes = {row["file_name"]: [] for row in reader.loadImgs(reader.getImgIds())}
    for row in reader.loadAnns(reader.getAnnIds()):
        x, y, width, height = row["bbox"]
        name = reader.loadImgs(row["image_id"])[0]["file_name"]
        label = reader.loadCats(row["category_id"])[0]["name"]
        found[name].append((label, [x, y, x + width, y + height]))
    return compare(found, truth(dataset, crowds=True))


def read_supervision(dataset: Path, folder: Path) -> str:
    """Read the validation split with supervision's loader of the folder's format."""
    import supervision as sv

    kind = folder.name
    if kind == "coco_json":
        loaded = sv.DetectionDataset.from_coco(
            str(folder / "val"), str(folder / "annotations/instances_val.json")
        )
    elif kind == "yolo":
        loaded = sv.DetectionDataset.from_yolo(
            str(folder / "images/val"), str(folder / "labels/val"), str(folder / "data.yaml")
        )
    else:
        loaded = sv.DetectionDataset.from_pascal_voc(str(folder / "JPEGImages"), str(folder / "Annotations"))
    wanted = truth(dataset, crowds=kind != "yolo")
    found: Boxes = {}
    for path, _, detections in loaded:
        if Path(path).name in wanted:  # VOC has both splits in one folder
            labels = [loaded.classes[index] for index in detections.class_id]
            boxes = [[float(number) for number in box] for box in detections.xyxy]
            found[Path(path).name] = list(zip(labels, boxes, strict=True))
    return f"{compare(found, wanted)} (supervision {sv.__version__})"


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a JSONL."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def read_llamafactory(dataset: Path, folder: Path) -> str:
    """Load both splits as LLaMA-Factory does before it tokenizes: its parser, loader and converter."""
    from llamafactory.data.loader import _load_single_dataset
    from llamafactory.data.parser import get_dataset_list
    from llamafactory.hparams import DataArguments, ModelArguments
    from transformers import TrainingArguments

    arguments = DataArguments(dataset_dir=str(folder), media_dir=str(folder), overwrite_cache=True)
    names = list(json.loads((folder / "dataset_info.json").read_text()))
    counts = []
    for attributes in get_dataset_list(names, str(folder)):
        loaded = _load_single_dataset(
            attributes,
            ModelArguments(model_name_or_path="none", cache_dir=str(folder / "cache")),
            arguments,
            TrainingArguments(output_dir=str(folder / "run"), use_cpu=True),
        )
        split = attributes.dataset_name.removesuffix(".json")
        wanted = rows_of(dataset / f"{split}.jsonl")
        if len(loaded) != len(wanted):
            raise MismatchError(f"{split}: {len(loaded)} rows, not {len(wanted)}")
        for row, record in zip(loaded, wanted, strict=True):
            check_conversation(row, record)
        counts.append(f"{len(loaded)} of {split}")
    return f"{', '.join(counts)}: prompts, answers, system prompts and images as in the records"


def check_conversation(row: dict[str, Any], record: dict[str, Any]) -> None:
    """Check one converted row of LLaMA-Factory against the record it comes from.

    Raises:
        MismatchError: another question, a box or a label that is not in the answer, or no image.
    """
    users = [message["content"] for message in record["messages"] if message["role"] == "user"]
    asked = [message["content"] for message in row["_prompt"] if message["role"] == "user"]
    answer = "".join(message["content"] for message in (*row["_prompt"], *row["_response"]))
    objects = record.get("objects") or {"ref": [], "bbox": []}
    texts = [f"({x1},{y1}),({x2},{y2})" for x1, y1, x2, y2 in objects["bbox"]]
    if users != asked or not all(text in answer for text in [*texts, *objects["ref"]]):
        raise MismatchError(f"{asked}: {answer[:100]}")
    if row["_system"] != record["messages"][0]["content"]:
        raise MismatchError(f"system prompt {row['_system']!r}")
    if not all(Path(path).is_file() for path in row["_images"]):
        raise MismatchError(f"no image {row['_images']}")


def read_swift(dataset: Path, folder: Path) -> str:
    """Load both splits as ms-swift does, and let its template make the numbers of the boxes."""
    import os

    os.environ["ROOT_IMAGE_DIR"] = str(folder)
    from swift.dataset import load_dataset
    from swift.template.base import Template

    counts = []
    for split in ("train", "val"):
        loaded, _ = load_dataset([str(folder / f"{split}.jsonl")], split_dataset_ratio=0.0)
        wanted = rows_of(dataset / f"{split}.jsonl")
        if len(loaded) != len(wanted):
            raise MismatchError(f"{split}: {len(loaded)} rows, not {len(wanted)}")
        for row, record in zip(loaded, wanted, strict=True):
            if row["messages"] != record["messages"]:
                raise MismatchError(f"{row['messages']}")
            check_grid(row, record, Template)
        counts.append(f"{len(loaded)} of {split}")
    return f"{', '.join(counts)}: messages as in the records, boxes the same on the grid"


def check_grid(row: dict[str, Any], record: dict[str, Any], template: Any) -> None:
    """Check that ms-swift's normalize_bbox gives the record's numbers on the 0..1000 grid.

    Raises:
        MismatchError: it gives others, or the labels differ.
    """
    wanted = record.get("objects") or {"ref": [], "bbox": []}
    objects = dict(row.get("objects") or {"ref": [], "bbox": [], "bbox_type": "norm1"})
    objects |= {"width": [1], "height": [1], "bbox": [list(box) for box in objects["bbox"] or []]}

    class Grid:
        norm_bbox = "norm1000"

    class Inputs:
        images: tuple[()] = ()

    inputs = Inputs()
    inputs.objects = objects  # type: ignore[attr-defined]
    template.normalize_bbox(Grid(), inputs)
    if objects["bbox"] != wanted["bbox"] or list(objects["ref"] or []) != wanted["ref"]:
        raise MismatchError(f"{objects['ref']} {objects['bbox']}, not {wanted}")


def read_label_studio(dataset: Path, folder: Path) -> str:
    """Check every task against the labelling interface, and convert all with Label Studio's converter."""
    from label_studio_sdk.converter import Converter
    from label_studio_sdk.label_interface import LabelInterface

    view = folder / "label_config.xml"
    interface = LabelInterface(view.read_text(encoding="utf-8"))
    tasks = json.loads((folder / "val.json").read_text(encoding="utf-8"))
    for number, task in enumerate(tasks, start=1):
        (annotation,) = task["annotations"]
        if not interface.validate_annotation(annotation):
            raise MismatchError(f"{task['data']['image_name']}: not an annotation of this interface")
        task["id"] = annotation["id"] = number  # as Label Studio numbers them at the import
    (folder / "val.json").write_text(json.dumps(tasks), encoding="utf-8")
    converter = Converter(config=str(view), project_dir=None, download_resources=False)
    out = folder / "converted"
    converter.convert_to_coco(str(folder / "val.json"), str(out), str(out / "images"), is_dir=False)
    content = json.loads((out / "result.json").read_text(encoding="utf-8"))
    files = {row["id"]: Path(row["file_name"]).name for row in content["images"]}
    names = {row["id"]: row["name"] for row in content["categories"]}
    found: Boxes = {name: [] for name in files.values()}
    for row in content["annotations"]:
        x, y, width, height = row["bbox"]
        found[files[row["image_id"]]].append((names[row["category_id"]], [x, y, x + width, y + height]))
    return compare(found, truth(dataset, crowds=False))


def read_datumaro(dataset: Path, folder: Path) -> str:
    """Read the validation task with Datumaro, the library behind CVAT's imports."""
    import datumaro

    loaded = datumaro.Dataset.import_from(str(folder / "val"), "cvat")
    labels = loaded.categories()[datumaro.AnnotationType.label]
    found: Boxes = {}
    for item in loaded:
        if not Path(item.media.path).is_file():
            raise MismatchError(f"no image {item.media.path}")
        found[Path(item.media.path).name] = [
            (labels[box.label].name, [float(number) for number in box.points]) for box in item.annotations
        ]
    return f"{compare(found, truth(dataset, crowds=False))} (datumaro {datumaro.__version__})"


Check = Callable[[Path, Path], str]
CHECKS: tuple[tuple[str, str, Check], ...] = (
    ("pycocotools", "coco_json", read_pycocotools),
    ("supervision", "coco_json", read_supervision),
    ("supervision", "yolo", read_supervision),
    ("supervision", "voc", read_supervision),
    ("label_studio_sdk", "label_studio", read_label_studio),
    ("datumaro", "cvat", read_datumaro),
    ("llamafactory", "sharegpt", read_llamafactory),
    ("swift", "ms_swift", read_swift),
)


if __name__ == "__main__":
    sys.exit(main())
