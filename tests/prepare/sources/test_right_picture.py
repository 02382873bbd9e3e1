"""The rule for names: boxes reach their own picture, or a line says why not; never another picture."""

import json
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from grounding.errors import UserError
from prepare.pipeline import prepare_dataset
from prepare.recipe import PrepareRecipe
from prepare.sources.source_settings import SourceSettings

FOLDERS = ["", "siteA", "siteB", "site A/day 1", "Straße"]
STEMS = ["0001", "Foto é", "IMG_1", "val_1"]

Spell = Callable[[str], str]
SPELLINGS: dict[str, Spell] = {
    "as it is": str,
    "backslashes": lambda name: name.replace("/", "\\"),
    "another machine": lambda name: f"/data/upload/4/{name}",
    "a Windows machine": lambda name: "C:\\data\\" + name.replace("/", "\\"),
    "percent": quote,
    "decomposed": lambda name: unicodedata.normalize("NFD", name),
    "upper case": str.upper,
    "last part": lambda name: name.rpartition("/")[2],
}

places = st.lists(
    st.tuples(st.sampled_from(FOLDERS), st.sampled_from(STEMS)), min_size=1, max_size=6, unique=True
)


def write_pictures(folder: Path, names: Sequence[str]) -> None:
    """Write pictures that their sizes tell apart: picture k is 20 + k pixels wide."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20 + number, 12)).save(path)


def check_right_or_refused(source: Path, kind: str, count: int, **place: Any) -> None:
    """Prepare; every record's label must be that of its picture, and nothing may be missing in silence."""
    settings_ = SourceSettings(kind=kind, path=str(source), **place)
    recipe = PrepareRecipe(
        source=settings_,
        categories="source",
        output_dir=str(source.parent / "dataset"),
        total_samples=None,
        val_ratio=0.0,
        max_bad_share=1.0,
        overwrite=True,
    )
    try:
        card = prepare_dataset(recipe)
    except UserError:
        return
    records = [json.loads(line) for line in (source.parent / "dataset/train.jsonl").read_text().splitlines()]
    for record in records:
        with Image.open(source.parent / "dataset" / record["images"][0]) as image:
            assert record["objects"]["ref"] == [f"object {image.width - 20}"]
    assert len(records) + sum(card.dropped.values()) >= count


def coco(source: Path, names: Sequence[str]) -> None:
    count = len(names)
    content = {
        "categories": [{"id": number, "name": f"object {number}"} for number in range(count)],
        "images": [
            {"id": number, "file_name": name, "width": 20 + number, "height": 12}
            for number, name in enumerate(names)
        ],
        "annotations": [
            {"id": number, "image_id": number, "category_id": number, "bbox": [1, 1, 9, 9]}
            for number in range(count)
        ],
    }
    (source / "instances_train.json").write_text(json.dumps(content), encoding="utf-8")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    places=places, spelling=st.sampled_from(sorted(SPELLINGS)), missing=st.integers(0, 2), below=st.booleans()
)
def test_coco_names(
    tmp_path_factory: pytest.TempPathFactory,
    places: list[tuple[str, str]],
    spelling: str,
    missing: int,
    below: bool,
) -> None:
    source = tmp_path_factory.mktemp("names") / "source"
    names = [f"{folder}/{stem}.png".lstrip("/") for folder, stem in places]
    images = source / "images" if below else source
    write_pictures(images, names)
    for name in names[:missing]:
        (images / name).unlink()
    coco(source, [SPELLINGS[spelling](name) for name in names])
    check_right_or_refused(source, "coco_json", len(names))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    places=places,
    stated=st.sampled_from(["as it is", "last part", "a Windows machine", "upper case"]),
    flat=st.booleans(),
    renamed=st.booleans(),
    missing=st.integers(0, 2),
)
def test_voc_pairs(
    tmp_path_factory: pytest.TempPathFactory,
    places: list[tuple[str, str]],
    stated: str,
    flat: bool,
    renamed: bool,
    missing: int,
) -> None:
    """XML files in the images' sub-folders or all in one, with the images' names or names of their own."""
    source = tmp_path_factory.mktemp("pairs") / "source"
    names = [f"{folder}/{stem}.png".lstrip("/") for folder, stem in places]
    write_pictures(source / "JPEGImages", names)
    for name in names[:missing]:
        (source / "JPEGImages" / name).unlink()
    for number, name in enumerate(names):
        stem = f"annotation {number}" if renamed else Path(name).stem
        folder = source / "Annotations" / ("" if flat else Path(name).parent)
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / f"{stem}.xml").exists():
            return  # two annotations cannot have one name
        box = "<xmin>2</xmin><ymin>2</ymin><xmax>9</xmax><ymax>9</ymax>"
        (folder / f"{stem}.xml").write_text(
            f"<annotation><filename>{SPELLINGS[stated](name)}</filename><object><name>object {number}</name>"
            f"<bndbox>{box}</bndbox></object></annotation>",
            encoding="utf-8",
        )
    check_right_or_refused(source, "voc", len(names))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    places=places,
    spelling=st.sampled_from(["as it is", "backslashes", "another machine", "last part"]),
    prefix=st.sampled_from(["", "./images/", "images/", "data/images/"]),
)
def test_yolo_lists(
    tmp_path_factory: pytest.TempPathFactory, places: list[tuple[str, str]], spelling: str, prefix: str
) -> None:
    source = tmp_path_factory.mktemp("lists") / "source"
    names = [f"{folder}/{stem}.png".lstrip("/") for folder, stem in places]
    write_pictures(source / "images", names)
    for number, name in enumerate(names):
        path = (source / "labels" / name).with_suffix(".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{number} 0.5 0.5 0.5 0.5\n")
    listed = [SPELLINGS[spelling](prefix + name) for name in names]
    (source / "train.txt").write_text("".join(f"{name}\n" for name in listed), encoding="utf-8")
    categories = ", ".join(f"object {number}" for number in range(len(names)))
    (source / "data.yaml").write_text(f"train: train.txt\nnames: [{categories}]\n")
    check_right_or_refused(source, "yolo", len(names))
