"""The kind of every folder of ../shared/import_cases, which nobody has described."""

from pathlib import Path

import pytest

from grounding.errors import UserError
from prepare.inspect.candidates import find_candidates
from prepare.sources.signs.folder_listing import list_folder
from tests.prepare.inspect.conftest import Inspect

CASES = Path(__file__).parents[4] / "shared" / "import_cases"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="no folder ../shared/import_cases")

KINDS = {
    "coco_json": ("c01", "c03", "c05", "c07", "c08", "c10", "c12", "e01", "e05", "e07", "e09", "e12", "e13"),
    "coco_parquet": ("h02", "h20", "k01"),
    "labelme": ("g02",),
    "label_studio": ("g03",),
    "odvg": ("g06",),
    "openimages": ("g05",),
    "phrases": ("p06", "p09"),
    "records": (
        *("g08", "g13", "r00", "r01", "r04", "r06", "r08", "r12", "r14"),
        *("x02", "z03", "z05", "z08", "z12", "z15"),
    ),
    "refcoco": ("p05",),
    "voc": ("v01", "v02", "v03", "v04", "v07", "v12", "v14", "v17"),
    "yolo": ("e04", "f04", "f10", "y01", "y02", "y07", "y08", "y09", "y12", "y13", "y20"),
}
KIND_OF = {case: kind for kind, cases in KINDS.items() for case in cases}

REFUSED = {
    "c03": r"is source\.kind=coco_json, but .*id 1 stands for '0\.jpg' and for '2\.jpg'",
    "c08": r"4 of 4 boxes are marked as crowd .*source\.crowds=objects",
    "e04": r"4 of 4 images looked at are turned .*exif=turned .*exif=stored .*exif=drop",
    "e05": r"4 of 4 images looked at cannot be used; .*image size differs",
    "e09": "category 1 has an empty name",
    "h02": r"categories=\[NAME,NAME\], or set categories=coco",
    "h20": r"categories=\[NAME,NAME\], or set categories=coco",
    "k01": "1 of 2 files are there",
    "v14": r"4 of 4 boxes are marked as crowd .*source\.crowds=objects",
    "y09": "no image has a label file",
}
"""What only the owner can mend or decide; of the records, all but three leave the units open."""

UNITS_STATED = ("g13", "r01", "x02")


def folders() -> list[Path]:
    return sorted(path for path in CASES.iterdir() if path.is_dir()) if CASES.is_dir() else []


def number(folder: Path) -> str:
    return folder.name.partition("_")[0]


def test_every_case_is_listed() -> None:
    assert {number(folder) for folder in folders()} == KIND_OF.keys()


@pytest.mark.parametrize("folder", folders(), ids=number)
def test_the_kind_is_named(folder: Path) -> None:
    assert [sign.kind for sign in find_candidates(list_folder(folder))] == [KIND_OF[number(folder)]]


@pytest.mark.parametrize("folder", folders(), ids=number)
def test_a_recipe_or_what_is_needed_for_one(folder: Path, inspect: Inspect, tmp_path: Path) -> None:
    case = number(folder)
    message = REFUSED.get(case)
    if KIND_OF[case] == "records" and case not in UNITS_STATED:
        message = r"fit as pixels and as grid .*add source\.units=pixels .*, or source\.units=grid"
    if message is None:
        recipe, report = inspect(folder=folder)
        assert recipe.is_file()
        assert recipe.with_suffix(".png").is_file()
        assert f"source.kind={KIND_OF[case]}" in report
    else:
        with pytest.raises(UserError, match=message):
            inspect(folder=folder)
        assert not (tmp_path / "out").exists()


def test_the_order_that_fits_is_taken(inspect: Inspect) -> None:
    case = next(folder for folder in folders() if number(folder) == "h20")
    recipe, report = inspect("categories=[cat]", folder=case)
    assert "55% of 11 looked at" in report
    assert "  boxes: xywh\n" in recipe.read_text()


def test_an_order_that_two_readings_fit_is_asked_for(inspect: Inspect) -> None:
    case = next(folder for folder in folders() if number(folder) == "h02")
    with pytest.raises(UserError, match=r"add source\.boxes=xyxy .*, or source\.boxes=xywh"):
        inspect("categories=[cat]", folder=case)
    recipe, _ = inspect("categories=[cat]", "source.boxes=xywh", folder=case)
    assert "  boxes: xywh\n" in recipe.read_text()


def test_the_view_that_sizes_fit_is_taken(inspect: Inspect) -> None:
    case = next(folder for folder in folders() if number(folder) == "e01")
    recipe, _ = inspect(folder=case)
    assert recipe.read_text().endswith("exif: turned\n")
