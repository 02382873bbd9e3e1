"""Sources from strangers: files outside their folder, names that are no UTF-8, pipes, bombs."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from grounding.errors import UserError
from prepare.pipeline import prepare_dataset
from prepare.reasons import (
    ANNOTATION_UNREADABLE,
    EXPRESSION_TOO_LONG,
    IMAGE_MISSING,
    IMAGE_NAME_NOT_UTF8,
    RECORD_LABEL_TOO_LONG,
)
from prepare.report import describe_card
from prepare.sources.parts import names_file
from prepare.sources.shared import listed
from prepare.sources.source_settings import EXPRESSION_KINDS
from tests.prepare.sources.small_sources import HEIGHT, SETTINGS, SOURCES, WIDTH, picture, replaced

Make = Callable[..., Any]
ROOT = Path(__file__).parents[2]

NAMED = {
    "coco_json": ("images", 1, "file_name"),
    "phrases": (1, "image"),
    "records": (1, "images", 0),
    "labelme": (1, "imagePath"),
    "odvg": (1, "filename"),
    "cvat": (1, "name"),
    "via": ("1.png1234", "filename"),
    "image_folder": (1, "file_name"),
    "refcoco": ("instances", "images", 1, "file_name"),
    "refcoco_parquet": (1, "image_path"),
}
"""Where the formats name an image."""

FOLDERS = {
    "coco_json": "images",
    "phrases": ".",
    "records": ".",
    "yolo": "images",
    "voc": "JPEGImages",
    "labelme": ".",
    "label_studio": "images",
    "openimages": "images",
    "odvg": ".",
    "cvat": "images",
    "via": "images",
    "visdrone": "images",
    "kitti": "image_2",
    "image_folder": ".",
    "refcoco": "images",
    "refcoco_parquet": "images",
    "visual_genome": "VG_100K",
}
ANNOTATIONS = {
    "coco_json": "instances_train.json",
    "phrases": "train.jsonl",
    "records": "train.jsonl",
    "yolo": "labels/1.txt",
    "voc": "Annotations/1.xml",
    "coco_parquet": "train-00000-of-00001.parquet",
    "labelme": "1.json",
    "label_studio": "export.json",
    "openimages": "boxes.csv",
    "odvg": "train.jsonl",
    "cvat": "annotations.xml",
    "via": "export.json",
    "visdrone": "annotations/1.txt",
    "kitti": "label_2/1.txt",
    "image_folder": "metadata.jsonl",
    "refcoco": "refs(unc).p",
    "refcoco_parquet": "train-00000-of-00001.parquet",
    "visual_genome": "region_descriptions.json",
}
COUNTED_ALONE = ("yolo", "voc", "labelme", "visdrone", "kitti")
"""Kinds with a file for each image: one that cannot be read is counted, and the others are prepared."""


@pytest.fixture
def recipe(recipe_for: Make) -> Make:
    def make(kind: str, source: dict[str, Any] | None = None, **changes: Any) -> Any:
        asks = {"prompt": "expression"} if kind in EXPRESSION_KINDS else {}
        asks |= {"categories": ["cat", "dog"]} if kind == "coco_parquet" else {}
        settings = {"val_ratio": 0.0, "max_bad_share": 0.5} | asks | changes
        return recipe_for(kind, SETTINGS.get(kind, {}) | (source or {}), **settings)

    return make


def write(kind: str, folder: Path, content: Any = None) -> None:
    SOURCES[kind][1](SOURCES[kind][0]() if content is None else content, folder)


def sizes(folder: Path) -> set[int]:
    return {path.stat().st_size for path in (folder / "images").iterdir()}


@pytest.mark.parametrize("kind", NAMED)
@pytest.mark.parametrize("is_absolute", [True, False])
def test_a_name_that_leads_outside(kind: str, is_absolute: bool, tmp_path: Path, recipe: Make) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(picture(77))
    folder = tmp_path / "source" / FOLDERS[kind]
    name = str(secret) if is_absolute else os.path.relpath(secret, folder)
    write(kind, tmp_path / "source", replaced(SOURCES[kind][0](), NAMED[kind], name))
    with pytest.raises(UserError, match=r"lies outside source\.path, .*set source\.outside=true"):
        prepare_dataset(recipe(kind))
    assert not (tmp_path / "dataset").exists()
    card = prepare_dataset(recipe(kind, {"outside": True}))
    assert card.counts["train"] | {"images": 4, "images_outside": 1} == card.counts["train"]
    assert card.recipe["source"]["outside"] is True
    assert "images outside" in describe_card(card)


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_link_that_leads_outside(kind: str, tmp_path: Path, recipe: Make) -> None:
    (tmp_path / "secret.png").write_bytes(picture(77))
    write(kind, tmp_path / "source")
    image = tmp_path / "source" / FOLDERS[kind] / "1.png"
    image.unlink()
    image.symlink_to(tmp_path / "secret.png")
    with pytest.raises(UserError, match=r"1\.png: lies outside source\.path"):
        prepare_dataset(recipe(kind))
    card = prepare_dataset(recipe(kind, {"outside": True}))
    assert card.counts["train"]["images_outside"] == 1
    assert card.counts["val"]["images_outside"] == 0


@pytest.mark.parametrize("kind", ANNOTATIONS)
def test_annotations_outside_are_refused_too(kind: str, tmp_path: Path, recipe: Make) -> None:
    write(kind, tmp_path / "source")
    file = tmp_path / "source" / ANNOTATIONS[kind]
    file.rename(tmp_path / file.name)
    file.symlink_to(tmp_path / file.name)
    with pytest.raises(UserError, match=r"lies outside source\.path"):
        prepare_dataset(recipe(kind))
    assert prepare_dataset(recipe(kind, {"outside": True})).counts["train"]["images"] == 4


@pytest.mark.parametrize("kind", SOURCES)
def test_links_inside_and_a_linked_source_are_as_files(kind: str, tmp_path: Path, recipe: Make) -> None:
    write(kind, tmp_path / "elsewhere")
    (tmp_path / "source").symlink_to("elsewhere")
    if kind in FOLDERS:
        image = tmp_path / "source" / FOLDERS[kind] / "1.png"
        image.rename(tmp_path / "elsewhere/moved")
        image.symlink_to(tmp_path / "elsewhere/moved")
    card = prepare_dataset(recipe(kind))
    assert card.counts["train"]["images"] == 4
    assert "images_outside" not in card.counts["train"]
    assert "outside" not in card.recipe["source"]
    assert "max_text" not in card.recipe["source"]


@pytest.mark.parametrize("change", [{"path": "../other"}, {"train": "../other/images"}])
def test_yolo_folders_elsewhere(change: dict[str, str], tmp_path: Path, recipe: Make) -> None:
    write("yolo", tmp_path / "source")
    (tmp_path / "source/images").rename(tmp_path / "moved")
    (tmp_path / "other").mkdir()
    (tmp_path / "moved").rename(tmp_path / "other/images")
    (tmp_path / "source/labels").rename(tmp_path / "other/labels")
    content = SOURCES["yolo"][0]()["data"] | change
    (tmp_path / "source/data.yaml").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"lies outside source\.path"):
        prepare_dataset(recipe("yolo"))
    assert prepare_dataset(recipe("yolo", {"outside": True})).counts["train"]["images_outside"] == 4


def test_a_list_of_images_elsewhere(tmp_path: Path, recipe: Make) -> None:
    write("yolo", tmp_path / "source")
    (tmp_path / "secret.png").write_bytes(picture(77))
    (tmp_path / "source/train.txt").write_text("images/0.png\n../secret.png\n")
    (tmp_path / "source/data.yaml").write_text("{train: train.txt, names: [cat, dog]}")
    with pytest.raises(UserError, match=r"secret\.png: lies outside source\.path"):
        prepare_dataset(recipe("yolo"))


def test_a_list_of_voc_elsewhere(tmp_path: Path, recipe: Make) -> None:
    write("voc", tmp_path / "source")
    (tmp_path / "names.txt").write_text("0\n1\n")
    (tmp_path / "source/ImageSets/Main").mkdir(parents=True)
    (tmp_path / "source/ImageSets/Main/train.txt").symlink_to(tmp_path / "names.txt")
    with pytest.raises(UserError, match=r"train\.txt: lies outside source\.path"):
        prepare_dataset(recipe("voc"))
    assert prepare_dataset(recipe("voc", {"outside": True})).counts["train"]["images"] == 2


def test_links_in_circles_end(tmp_path: Path, recipe: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listed, "MOST_FOLDERS", 1000)
    write("yolo", tmp_path / "source")
    for name in ("a", "b"):
        (tmp_path / "source/images" / name).symlink_to(".")
    with pytest.raises(UserError, match="more than 1,000 folders: does a link lead in a circle"):
        prepare_dataset(recipe("yolo"))


@pytest.mark.parametrize("kind", ["yolo", "voc", "visdrone", "kitti"])
def test_names_that_are_no_utf8_are_counted(kind: str, tmp_path: Path, recipe: Make) -> None:
    write(kind, tmp_path / "source")
    odd = os.fsdecode(b"\xff\xfe")
    for path in [*(tmp_path / "source").rglob("1.png"), *(tmp_path / "source").rglob("1.[tx]*")]:
        try:
            path.rename(path.with_name(f"{odd}{path.suffix}"))
        except OSError:
            pytest.skip("this file system takes no such names")
    card = prepare_dataset(recipe(kind))
    assert card.dropped == {IMAGE_NAME_NOT_UTF8: 1}
    assert card.counts["train"]["images"] == 3


@pytest.mark.parametrize(
    "kind", ["coco_json", "phrases", "records", "yolo", "label_studio", "odvg", "via", "image_folder"]
)
def test_half_surrogate_pairs_never_leave_half_a_data_set(kind: str, tmp_path: Path, recipe: Make) -> None:
    write(kind, tmp_path / "source")
    file = tmp_path / "source" / ("data.yaml" if kind == "yolo" else ANNOTATIONS[kind])
    text = file.read_text()
    file.write_text(text.replace("- cat", r'- "\ud83d"').replace('"cat', r'"\ud83d'))
    with pytest.raises(UserError, match=file.name):
        prepare_dataset(recipe(kind))
    assert not (tmp_path / "dataset").exists()


@pytest.mark.parametrize("kind", ANNOTATIONS)
def test_a_pipe_in_place_of_annotations_never_blocks(kind: str, tmp_path: Path) -> None:
    """In a process of its own, which is ended if it blocks."""
    write(kind, tmp_path / "source")
    file = tmp_path / "source" / ANNOTATIONS[kind]
    file.unlink()
    os.mkfifo(file)
    words = [f"{key}={value}" for key, value in SETTINGS.get(kind, {}).items()]
    command = [
        sys.executable,
        "-m",
        "prepare",
        f"recipes/prepare/{'coco' if kind == 'coco_parquet' else kind}.yaml",
    ]
    command += [f"source.{word}" for word in words] + [f"source.path={tmp_path / 'source'}"]
    command += [f"output_dir={tmp_path / 'dataset'}", "val_ratio=0", "max_bad_share=0.5"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert "Traceback" not in ended.stderr
    if kind in COUNTED_ALONE:
        assert ended.returncode == 0, ended.stderr
        assert ANNOTATION_UNREADABLE in ended.stdout
    else:
        assert ended.returncode == 2


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_pipe_among_the_images_is_counted(kind: str, tmp_path: Path, recipe: Make) -> None:
    write(kind, tmp_path / "source")
    image = tmp_path / "source" / FOLDERS[kind] / "1.png"
    image.unlink()
    os.mkfifo(image)
    assert prepare_dataset(recipe(kind)).dropped == {IMAGE_MISSING: 1}


def test_long_texts_are_left_out_by_their_reason(tmp_path: Path, recipe: Make) -> None:
    long = "x" * 2001
    write("phrases", tmp_path / "source", replaced(SOURCES["phrases"][0](), (1, "expression"), long))
    assert prepare_dataset(recipe("phrases")).dropped == {EXPRESSION_TOO_LONG: 1}
    card = prepare_dataset(recipe("phrases", {"max_text": 2001}, overwrite=True))
    assert card.dropped == {}
    assert card.recipe["source"]["max_text"] == 2001
    content = replaced(SOURCES["records"][0](), (1, "objects", "ref", 0), long)
    write("records", tmp_path / "records", content)
    card = prepare_dataset(recipe("records", {"path": str(tmp_path / "records")}, overwrite=True))
    assert card.dropped == {RECORD_LABEL_TOO_LONG: 1}


@pytest.mark.parametrize(
    ("kind", "place", "field"),
    [
        ("coco_json", ("categories", 0, "name"), r"categories\[0\]\.name"),
        ("phrases", (1, "category"), "line 2: category"),
        ("yolo", ("data", "names", 1), r"names\[1\]"),
        ("voc", (1, "object", "name"), "1.xml: name"),
        ("odvg", (1, "detection", "instances", 0, "category"), r"detection\.instances\[0\]\.category"),
        (
            "label_studio",
            (1, "annotations", 0, "result", 0, "value", "rectanglelabels", 0),
            r"\[1\]\.result\[0\]\.value",
        ),
        ("cvat", (1, "box", "label"), "image 1: label"),
        ("via", ("1.png1234", "regions", 0, "region_attributes", "class"), r"regions\[0\]: class"),
        ("openimages", (1, "LabelName"), "line 3: LabelName"),
        ("image_folder", (1, "objects", "categories", 0), "label 0"),
        ("refcoco", ("instances", "categories", 0, "name"), r"categories\[0\]\.name"),
    ],
)
def test_the_name_of_a_category_has_an_end(
    kind: str, place: tuple[Any, ...], field: str, tmp_path: Path, recipe: Make
) -> None:
    write(kind, tmp_path / "source", replaced(SOURCES[kind][0](), place, "x" * 3000))
    with pytest.raises(UserError, match=f"{field}: 3,000 characters, and source.max_text allows 2,000"):
        prepare_dataset(recipe(kind))


def test_yaml_that_expands_is_refused(tmp_path: Path, recipe: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    write("yolo", tmp_path / "source")
    file = tmp_path / "source/data.yaml"
    for text, message in (
        ("a: &a [x, x]\nb: &b [*a, *a]\nnames: [cat]\n", "line 2: an alias, "),
        (f"names: {'[' * 5000}\n", "more than 8 levels"),
        ("names: !!bool x\n", "no `names:` with a list"),
        ("names: [cat]\ntrain: 5\n", "train: 5: no such folder"),
        ("names: [cat]\npath: [[1]]\n", "path: a path is needed"),
        ("names: [[cat]]\n", r"names\[0\]: a text is needed, there is a list"),
    ):
        file.write_text(text)
        with pytest.raises(UserError, match=message):
            prepare_dataset(recipe("yolo"))
    monkeypatch.setattr(names_file, "LARGEST_FILE", 100)
    file.write_text(f"names: [cat]\n# {'x' * 100}\n")
    with pytest.raises(UserError, match="larger than 100 bytes"):
        prepare_dataset(recipe("yolo"))


@pytest.mark.parametrize("kind", ["yolo", "voc", "labelme", "visdrone", "kitti"])
def test_the_annotations_of_one_image_have_an_end(
    kind: str, tmp_path: Path, recipe: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listed, "LARGEST_ANNOTATION", 1000)
    write(kind, tmp_path / "source")
    with (tmp_path / "source" / ANNOTATIONS[kind]).open("a") as file:
        file.write("\n" * 1000)
    assert prepare_dataset(recipe(kind)).dropped == {ANNOTATION_UNREADABLE: 1}


PREPARE_WITH_LITTLE_MEMORY = """
import resource, sys
from grounding.errors import run_command
from prepare.__main__ import main
from prepare.sources.shared import parquet_file
parquet_file.MOST_MEMORY = 1 << 27
resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
code = run_command(main)
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]) << 10)  # ru_maxrss begins with that of the process that forked
sys.exit(code)
"""


def write_bomb(folder: Path, boxes: int, image_bytes: int) -> None:
    """Write 17 rows, one of them with so many boxes, and all with one image of so many bytes."""
    rows = 17
    starts = pa.array(np.array([0, *(boxes + row for row in range(rows))], np.int32))
    values = pa.array(np.tile([1.0, 2.0, 5.0, 9.0], boxes + rows - 1))
    box_starts = pa.array(np.arange(0, len(values) + 1, 4, dtype=np.int32))
    objects = {
        "category": pa.ListArray.from_arrays(starts, pa.array(np.zeros(boxes + rows - 1, np.int64))),
        "bbox": pa.ListArray.from_arrays(starts, pa.ListArray.from_arrays(box_starts, values)),
        "area": pa.ListArray.from_arrays(starts, pa.array(np.zeros(boxes + rows - 1))),
    }
    image = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([bytes(image_bytes)]))
    for number, split in enumerate(("train", "val")):
        table = pa.table(
            {
                "image_id": pa.array(range(number * rows, (number + 1) * rows)),
                "width": pa.array([WIDTH] * rows),
                "height": pa.array([HEIGHT] * rows),
                "objects": pa.StructArray.from_arrays([*objects.values()], [*objects]),
                "image": pa.StructArray.from_arrays([image], ["bytes"]),
            }
        )
        file = folder / f"{split}-00000-of-00001.parquet"
        pq.write_table(table, file, compression="zstd", store_schema=False, dictionary_pagesize_limit=1 << 28)
        assert file.stat().st_size < 50_000


@pytest.mark.parametrize(
    ("boxes", "image_bytes", "reason"),
    [
        (1_500_000, 10, "a row has [0-9,]+ bytes of annotations, and at most 67,108,864 are read"),
        (1, 90_000_000, "they need more than 134,217,728 bytes of memory"),
    ],
    ids=["boxes", "images"],
)
def test_a_small_parquet_that_unpacks_to_gigabytes(
    tmp_path: Path, boxes: int, image_bytes: int, reason: str
) -> None:
    write_bomb(tmp_path, boxes, image_bytes)
    words = ["recipes/prepare/coco.yaml", f"source.path={tmp_path}", "source.hub=local", "total_samples=null"]
    words.append(f"output_dir={tmp_path / 'dataset'}")
    shown = subprocess.run(
        [sys.executable, "-c", PREPARE_WITH_LITTLE_MEMORY, *words], cwd=ROOT, capture_output=True, text=True
    )
    assert shown.returncode == 2, shown.stderr
    line = shown.stderr.splitlines()[-1]
    assert re.search(rf"^error: .* damaged or missing.*parquet, rows \d+ to 16 \({reason}\)", line)
    assert int(shown.stdout) < 1 << 30
    assert not (tmp_path / "dataset" / "card.json").exists()
