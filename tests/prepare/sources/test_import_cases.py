"""Data sets in which people met trouble, from ../shared/import_cases: read right, counted, or one line."""

import json
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from grounding.recipe.loading import load_recipe
from prepare.pipeline import prepare_dataset
from prepare.recipe import PrepareRecipe

ROOT = Path(__file__).parents[3]
CASES = ROOT.parent / "shared" / "import_cases"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="no folder ../shared/import_cases")

JSON = ("coco_json", "source.train_files=*.json")
YOLO = ("yolo",)
VOC = ("voc",)
CAT = "categories=[cat]"

READ: dict[str, tuple[tuple[str, ...], int, list[Any]]] = {
    "c01_via_string_ids": (JSON, 4, ["cat", [200, 100, 450, 400]]),
    "c05_backslash_file_name": (JSON, 4, ["cat", [200, 100, 450, 400]]),
    "c07_linux_absolute_elsewhere": (JSON, 4, ["cat", [200, 100, 450, 400]]),
    "c08_iscrowd_all": ((*JSON, "source.crowds=objects"), 4, ["cat", [200, 100, 450, 400]]),
    "c10_segmentation_only": (JSON, 4, ["cat", [200, 100, 450, 400]]),
    "c12_bbox_strings": (JSON, 4, ["cat", [200, 100, 450, 400]]),
    "e01_exif_displayed_size": ((*JSON, "exif=turned"), 4, ["cat", [100, 100, 600, 600]]),
    "e04_yolo_exif": ((*YOLO, "exif=turned"), 4, ["cat", [100, 100, 600, 600]]),
    "e07_16bit_png": (JSON, 4, ["cat", [50, 100, 300, 400]]),
    "e12_orphan_annotations": (JSON, 3, ["cat", [50, 100, 300, 400]]),
    "e13_lvis_no_file_name": (JSON, 4, ["cat", [50, 100, 300, 400]]),
    "f04_cvat_yolo11": (YOLO, 4, ["cat", [75, 100, 325, 400]]),
    "g02_labelme": (("labelme",), 4, ["cat", [50, 100, 300, 400]]),
    "g03_label_studio_json": (("label_studio",), 4, ["cat", [50, 100, 300, 400]]),
    "g05_openimages_csv": (("openimages",), 4, ["/m/01yrx", [50, 100, 300, 400]]),
    "g06_odvg": (("odvg",), 4, ["cat", [50, 100, 300, 400]]),
    "h02_no_image_id": (
        ("coco", "source.hub=local", "source.boxes=xywh", CAT),
        4,
        ["cat", [50, 100, 300, 400]],
    ),
    "k01_glob_on_command_line": (
        ("coco", "source.hub=local", "source.train_files=**/train-0000[0-4]*.parquet", CAT),
        4,
        ["cat", [50, 100, 300, 400]],
    ),
    "p05_refcoco_pickle": (
        ("refcoco", "answer_format=objects", "prompt=expression"),
        8,
        ["left one", [50, 100, 300, 400]],
    ),
    "v01_same_stem_subfolders": (VOC, 4, ["dog", [300, 100, 550, 400]]),
    "v02_roboflow_voc": (VOC, 5, ["cat", [250, 100, 500, 400]]),
    "v03_paddledet_lists": (VOC, 4, ["cat", [350, 100, 600, 400]]),
    "v04_filename_differs": (VOC, 4, ["cat", [50, 100, 300, 400]]),
    "v07_robndbox": (VOC, 4, ["ship", [339, 258, 656, 732]]),
    "v12_comma": (VOC, 4, ["cat", [52, 105, 301, 401]]),
    "v14_all_difficult": ((*VOC, "source.crowds=objects"), 4, ["cat", [50, 100, 300, 400]]),
    "v17_mac_dotunderscore": (VOC, 4, ["cat", [250, 100, 500, 400]]),
    "y01_pose_2d": (YOLO, 4, ["person", [75, 100, 325, 400]]),
    "y02_pose_3d_even": (YOLO, 4, ["person", [75, 100, 325, 400]]),
    "y07_train_is_val": (YOLO, 4, ["cat", [275, 100, 525, 400]]),
    "y08_classes_txt": (YOLO, 4, ["cat", [275, 100, 525, 400]]),
    "y12_tif_some": (YOLO, 6, ["cat", [575, 100, 825, 400]]),
    "y13_bom_label": (YOLO, 4, ["dog", [400, 400, 600, 600]]),
    "y20_names_yes_no": (YOLO, 4, ["off", [275, 100, 525, 400]]),
}
"""Recipe and words, the images of both splits, and one of the objects."""

REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "c03_concat_duplicate_ids": (JSON, r"id 1 stands for '0\.jpg' and for '2\.jpg'"),
    "c08_iscrowd_all": (JSON, r"marked as crowd or difficult \(4\); source\.crowds=objects"),
    "e01_exif_displayed_size": (JSON, r"turned by its EXIF orientation \(4\); exif=turned if"),
    "e05_size_swapped": (JSON, r"\(200x100, annotated as 100x200\): image size differs"),
    "e09_empty_category": (JSON, "category 1 has an empty name"),
    "h20_xywh_as_xyxy": (
        ("coco", "source.hub=local", CAT),
        r"row 6: box \[120, 50, 60, 40\] is upside down as xyxy, .* fit as xywh: set source\.boxes",
    ),
    "v14_all_difficult": (VOC, r"marked as crowd or difficult \(4\); source\.crowds=objects"),
    "y09_labels_elsewhere": (YOLO, r"no image has a label file; .*1\.jpg would have .*labels/train/1\.txt"),
}


def prepare(case: str, words: tuple[str, ...], output: Path) -> list[dict[str, Any]]:
    """Prepare a case by a recipe of the repository and return its records."""
    name, *changes = words
    place = [f"source.path={CASES / case}", f"output_dir={output}", "total_samples=null", "val_ratio=0.25"]
    prepare_dataset(load_recipe(PrepareRecipe, ROOT / f"recipes/prepare/{name}.yaml", [*changes, *place]))
    lines = [
        line for split in ("train", "val") for line in (output / f"{split}.jsonl").open(encoding="utf-8")
    ]
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("case", READ)
def test_a_case_is_read(case: str, tmp_path: Path) -> None:
    words, images, (label, box) = READ[case]
    records = prepare(case, words, tmp_path / "dataset")
    assert len(records) == images
    found = [
        (label, box)
        for record in records
        for label, box in zip(record["objects"]["ref"], record["objects"]["bbox"], strict=True)
    ]
    assert (label, box) in found


@pytest.mark.parametrize("case", REFUSED)
def test_a_case_is_refused(case: str, tmp_path: Path) -> None:
    words, message = REFUSED[case]
    with pytest.raises(UserError, match=message):
        prepare(case, words, tmp_path / "dataset")


def test_ids_stay_when_the_folder_moves(tmp_path: Path) -> None:
    import shutil

    names = []
    for place in ("here", "there/deeper"):
        shutil.copytree(CASES / "f10_moved", tmp_path / place)
        words = ("yolo", f"source.path={tmp_path / place}/cfg/pets.yaml", "source.outside=true")
        recipe = load_recipe(
            PrepareRecipe,
            ROOT / "recipes/prepare/yolo.yaml",
            [*words[1:], f"output_dir={tmp_path / place / 'dataset'}", "total_samples=null"],
        )
        prepare_dataset(recipe)
        names.append(sorted(path.name for path in (tmp_path / place / "dataset/images").iterdir()))
    assert names[0] == names[1]
    assert len(names[0]) == 4
