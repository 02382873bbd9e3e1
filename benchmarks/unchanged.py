"""Does a change keep every result? The same commands in two checkouts, and what they wrote compared.

    python benchmarks/unchanged.py ../before . --coco FOLDER --checkpoint ../before/checkpoints/demo/full

Every recipe of recipes/prepare/ makes its data set from drawn shapes (and, with --coco, from photographs in
the layout of detection-datasets/coco): train.jsonl, val.jsonl, annotations_val.json and card.json have to be
the same bytes. The tiny model trains 20 steps: the losses have to be the same digits. With --checkpoint, its
predictions and scores have to be the same. `--only prepare` (or train, infer) compares one part alone. The
exit code is 1 if anything differs.
"""

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

PARTS = ("prepare", "train", "infer")
FILES = ("train.jsonl", "val.jsonl", "annotations_val.json", "card.json")
STEPS = 20
LOSS = re.compile(r"\bloss: ([0-9.e+-]+)")


def main() -> int:
    """Run both checkouts and print a line for each result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path, help="a checkout")
    parser.add_argument("after", type=Path, help="another one")
    parser.add_argument("--coco", type=Path, help="folder of parquet files with photographs")
    parser.add_argument("--checkpoint", type=Path, help="a trained model that both ask")
    parser.add_argument("--dataset", type=Path, help="the data set that it is asked about (data/demo)")
    parser.add_argument("--only", choices=PARTS, help="compare this part alone; infer needs --checkpoint")
    arguments = parser.parse_args()
    differences = 0
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        sources = make_sources(arguments.before.resolve(), work / "sources")
        results = [
            dict(run_all(checkout.resolve(), work / str(number), sources, arguments))
            for number, checkout in enumerate((arguments.before, arguments.after))
        ]
    for key, before in results[0].items():
        is_same = results[1].get(key) == before
        differences += not is_same
        print(f"{'same     ' if is_same else 'DIFFERENT'}  {key}")
        if not is_same:
            print(f"  before: {before}\n  after:  {results[1].get(key)}")
    print(f"{len(results[0])} results compared, {differences} differ")
    return int(differences > 0)


def make_sources(checkout: Path, folder: Path) -> dict[str, Path]:
    """Draw shapes and write them in every layout that a recipe reads."""
    sources = {"demo": folder / "parquet", "yolo": folder / "yolo"}
    words = ["images=60", "val_images=12"]
    call(checkout, "prepare.shapes", sources["demo"], *words)
    call(checkout, "prepare.shapes", sources["yolo"], *words, "layout=yolo")
    names = yaml.safe_load((sources["yolo"] / "data.yaml").read_text())["names"]
    rows = {split: list(read_yolo(sources["yolo"], split, names)) for split in ("train", "val")}
    writers = {"voc": write_voc, "coco_json": write_coco, "phrases": write_phrases, "records": write_records}
    for kind, write in writers.items():
        sources[kind] = folder / kind
        write(sources[kind], rows)
    return sources


def read_yolo(folder: Path, split: str, names: dict[int, str]) -> Iterator[dict[str, Any]]:
    """Yield each image with its objects as (name, xyxy in pixels)."""
    for path in sorted((folder / "images" / split).iterdir()):
        with Image.open(path) as image:
            width, height = image.size
        objects = []
        for line in (folder / "labels" / split / f"{path.stem}.txt").read_text().splitlines():
            index, *shares = line.split()
            cx, cy, w, h = map(float, shares)
            box = [(cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height]
            objects.append((names[int(index)], [round(value, 2) for value in box]))
        yield {"path": path, "width": width, "height": height, "objects": objects}


def write_voc(folder: Path, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Write PASCAL VOC's layout."""
    for name in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (folder / name).mkdir(parents=True)
    for split, images in rows.items():
        (folder / "ImageSets/Main" / f"{split}.txt").write_text(
            "".join(f"{row['path'].stem}\n" for row in images)
        )
        for row in images:
            shutil.copy(row["path"], folder / "JPEGImages")
            objects = "".join(
                f"<object><name>{name}</name><bndbox><xmin>{box[0] + 1}</xmin><ymin>{box[1] + 1}</ymin>"
                f"<xmax>{box[2]}</xmax><ymax>{box[3]}</ymax></bndbox></object>"
                for name, box in row["objects"]
            )
            (folder / "Annotations" / f"{row['path'].stem}.xml").write_text(
                f"<annotation><filename>{row['path'].name}</filename><size><width>{row['width']}</width>"
                f"<height>{row['height']}</height><depth>3</depth></size>{objects}</annotation>"
            )


def write_coco(folder: Path, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Write COCO's JSON beside folders of images."""
    names = sorted({name for images in rows.values() for row in images for name, _ in row["objects"]})
    (folder / "annotations").mkdir(parents=True)
    number = 0
    for split, images in rows.items():
        target = folder / f"{split}2017"
        target.mkdir()
        content: dict[str, Any] = {
            "images": [],
            "annotations": [],
            "categories": [{"id": index + 1, "name": name} for index, name in enumerate(names)],
        }
        for row in images:
            number += 1
            shutil.copy(row["path"], target)
            content["images"].append(
                {"id": number, "file_name": row["path"].name, "width": row["width"], "height": row["height"]}
            )
            for name, (x1, y1, x2, y2) in row["objects"]:
                content["annotations"].append(
                    {
                        "id": len(content["annotations"]) + 1,
                        "image_id": number,
                        "category_id": names.index(name) + 1,
                        "bbox": [x1, y1, x2 - x1, y2 - y1],
                        "area": (x2 - x1) * (y2 - y1),
                        "iscrowd": 0,
                    }
                )
        (folder / "annotations" / f"instances_{split}2017.json").write_text(json.dumps(content))


def write_phrases(folder: Path, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Write referring expressions, one that matches nothing an image."""
    (folder / "images").mkdir(parents=True)
    for split, images in rows.items():
        lines = []
        for row in images:
            shutil.copy(row["path"], folder / "images")
            image = f"images/{row['path'].name}"
            for name, box in row["objects"]:
                lines.append({"image": image, "expression": f"the {name}", "bbox": box})
            lines.append({"image": image, "expression": "the zebra", "bbox": None})
        (folder / f"{split}.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def write_records(folder: Path, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Write messages with placeholders, boxes on the grid."""
    (folder / "images").mkdir(parents=True)
    for split, images in rows.items():
        lines = []
        for row in images:
            shutil.copy(row["path"], folder / "images")
            sides = (row["width"], row["height"]) * 2
            boxes = [
                [round(value * 1000 / side) for value, side in zip(box, sides, strict=True)]
                for _, box in row["objects"]
            ]
            answer = ", ".join(["<ref-object><bbox>"] * len(boxes))
            lines.append(
                {
                    "messages": [
                        {"role": "system", "content": "You find shapes."},
                        {"role": "user", "content": "<image>Which shapes are there?"},
                        {"role": "assistant", "content": answer},
                    ],
                    "images": [f"images/{row['path'].name}"],
                    "objects": {"ref": [name for name, _ in row["objects"]], "bbox": boxes},
                }
            )
        (folder / f"{split}.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def run_all(
    checkout: Path, work: Path, sources: dict[str, Path], arguments: argparse.Namespace
) -> Iterator[tuple[str, Any]]:
    """Yield what each command of a checkout wrote, as hashes, losses and scores."""
    only = arguments.only
    if only in (None, "prepare"):
        yield from run_prepare(checkout, work, sources, arguments.coco)
    elif only == "train":
        call_prepare(checkout, "demo", sources["demo"], work / "demo")
    if only in (None, "train"):
        yield from run_train(checkout, work)
    if only in (None, "infer") and arguments.checkpoint:
        yield from run_infer(checkout, work, arguments.checkpoint.resolve(), arguments.dataset)


def run_prepare(
    checkout: Path, work: Path, sources: dict[str, Path], coco: Path | None
) -> Iterator[tuple[str, Any]]:
    """Prepare the drawn sources, and photographs if there are any."""
    for kind, source in sources.items():
        call_prepare(checkout, kind, source, work / kind)
        yield from hashes(kind, work / kind)
    for kind in ("coco", "coco_categories", "coco_json_format") if coco else ():
        recipe = "coco" if kind == "coco_json_format" else kind
        words = ["answer_format=json", "prompt=qwen_detection", "order=reading"] if recipe != kind else []
        words += ["source.hub=local", f"source.path={coco.resolve() if coco else ''}", "total_samples=null"]
        call(checkout, "prepare", f"recipes/prepare/{recipe}.yaml", *words, f"output_dir={work / kind}")
        yield from hashes(kind, work / kind)


def call_prepare(checkout: Path, kind: str, source: Path, output: Path) -> None:
    """Prepare one drawn source."""
    words = [f"source.path={source}", f"output_dir={output}"]
    call(checkout, "prepare", f"recipes/prepare/{kind}.yaml", *words)


def run_train(checkout: Path, work: Path) -> Iterator[tuple[str, Any]]:
    """Train the tiny model on the drawn shapes."""
    call(checkout, "train.tiny", work / "base")
    data = [f"{split}_dataset_path={work / 'demo' / name}" for split, name in SPLITS.items()]
    run = work / "run"
    words = [f"model_name_or_path={work / 'base'}", *data, f"output_dir={run}", f"logging_dir={run / 'vdl'}"]
    words += [f"max_steps={STEPS}", "logging_steps=1", "save_steps=1000", "eval_steps=1000"]
    call(checkout, "train", "recipes/train/tiny_full.yaml", *words)
    losses = LOSS.findall((run / "logs" / "train.log").read_text())
    yield f"losses of {len(losses)} log lines", losses


def run_infer(
    checkout: Path, work: Path, checkpoint: Path, dataset: Path | None
) -> Iterator[tuple[str, Any]]:
    """Ask a trained model, and score its answers."""
    answers = work / "answers"
    dataset = dataset or checkpoint.parents[2] / "data" / "demo"
    words = [f"checkpoint={checkpoint}", f"dataset={dataset.resolve()}"]
    call(checkout, "infer", "recipes/infer/demo.yaml", *words, f"output_dir={answers}")
    yield "predictions.jsonl", digest(answers / "predictions.jsonl")
    scores = json.loads((answers / "scores.json").read_text())
    yield "scores.json", without_places(scores)


SPLITS = {"train": "train.jsonl", "eval": "val.jsonl"}


def hashes(kind: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the hash of each file of a data set."""
    for name in FILES:
        yield f"{kind}/{name}", digest(folder / name)
    images = sorted((folder / "images").iterdir())
    together = hashlib.sha256("".join(f"{path.name}{digest(path)}" for path in images).encode())
    yield f"{kind}/images ({len(images)})", together.hexdigest()


def digest(path: Path) -> str:
    """Return a file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def without_places(value: Any) -> Any:
    """Leave out paths, which differ from one folder to the other."""
    if isinstance(value, dict):
        return {key: without_places(item) for key, item in value.items()}
    return None if isinstance(value, str) and "/" in value else value


def call(checkout: Path, module: str, *words: object) -> None:
    """Run a module of a checkout, with the Python that runs this."""
    command = [sys.executable, "-m", module, *map(str, words)]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{checkout}: {' '.join(command)}\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.exit(main())
