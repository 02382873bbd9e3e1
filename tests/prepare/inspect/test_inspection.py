"""Folders of every kind become recipes that prepare the right boxes; what is ambiguous becomes a question."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from grounding.errors import UserError
from grounding.recipe.loading import load_recipe
from grounding.record.conversation import parse_record
from prepare.inspect.inspection import write_new
from prepare.pipeline import prepare_dataset
from prepare.recipe import PrepareRecipe
from prepare.sources.source_settings import known_kinds
from tests.prepare.inspect.conftest import Inspect
from tests.prepare.sources.small_sources import HEIGHT, IMAGES, SOURCES, WIDTH, box_of, replaced

ROOT = Path(__file__).parents[3]

NEEDED = {
    "coco_parquet": ("categories=[cat]", "source.boxes=xyxy"),
    "records": ("source.units=pixels",),
    "voc": ("source.units=pixels",),
}
"""What only the user knows about the small sources."""


def write(kind: str, folder: Path, content: Any = None) -> None:
    SOURCES[kind][1](SOURCES[kind][0]() if content is None else content, folder)


def boxes_in(dataset: Path) -> set[tuple[int, ...]]:
    """Return the boxes of all answers of a data set, in pixels."""
    from grounding.boxes import Size

    found = set()
    for split in ("train", "val"):
        for line in (dataset / f"{split}.jsonl").read_text(encoding="utf-8").splitlines():
            for each in parse_record(json.loads(line)).read_answers(Size(WIDTH, HEIGHT)).detections:
                found.add(tuple(round(value) for value in each.box.xyxy))
    return found


def test_every_kind_has_a_source() -> None:
    assert set(SOURCES) == set(known_kinds())


@pytest.mark.parametrize("kind", known_kinds())
def test_the_recipe_prepares_the_boxes_of_the_folder(kind: str, tmp_path: Path, inspect: Inspect) -> None:
    write(kind, tmp_path / "source")
    recipe, report = inspect(*NEEDED.get(kind, ()))
    assert report.startswith(f"source.kind={kind}: ")
    assert recipe.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    prepare_dataset(load_recipe(PrepareRecipe, recipe, ["val_ratio=0.25"]))
    assert boxes_in(recipe.with_suffix("")) == {tuple(box_of(number)) for number in range(IMAGES)}


def test_the_same_folder_gives_the_same_bytes(tmp_path: Path, inspect: Inspect) -> None:
    write("coco_json", tmp_path / "source")
    recipe, _ = inspect()
    before = recipe.read_bytes(), recipe.with_suffix(".png").read_bytes()
    inspect()
    assert (recipe.read_bytes(), recipe.with_suffix(".png").read_bytes()) == before


def test_another_recipe_is_not_replaced(tmp_path: Path, inspect: Inspect) -> None:
    write("coco_json", tmp_path / "source")
    recipe, _ = inspect()
    with pytest.raises(UserError, match=r"dataset\.yaml: another file is there: add --overwrite"):
        inspect("seed=7")
    assert "seed" not in recipe.read_text()
    inspect("seed=7", is_overwriting=True)
    assert yaml.safe_load(recipe.read_text())["seed"] == 7


def test_nothing_is_written_where_one_file_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"other")
    with pytest.raises(UserError, match="another file is there"):
        write_new({tmp_path / "a": b"1", tmp_path / "b": b"2"}, is_overwriting=False)
    assert not (tmp_path / "a").exists()
    assert (tmp_path / "b").read_bytes() == b"other"


def test_two_kinds_are_both_named_and_one_can_be_chosen(tmp_path: Path, inspect: Inspect) -> None:
    write("coco_json", tmp_path / "source")
    (tmp_path / "yolo").mkdir()
    write("yolo", tmp_path / "yolo" / "set")
    for name in ("labels", "data.yaml"):
        (tmp_path / "yolo" / "set" / name).rename(tmp_path / "source" / name)
    with pytest.raises(UserError, match=r"2 data sets fit, .*source\.kind=coco_json .*source\.kind=yolo "):
        inspect()
    assert not (tmp_path / "out").exists()
    _, report = inspect("source.kind=yolo")
    assert report.startswith(
        "source.kind=yolo: data.yaml has names and train; labels/0.txt and 3 more looked at "
    )


def test_two_data_sets_of_one_kind(tmp_path: Path, inspect: Inspect) -> None:
    for name in ("one", "two"):
        write("yolo", tmp_path / "source" / name)
    with pytest.raises(UserError, match=r"2 data sets fit, .*one/data\.yaml .*two/data\.yaml"):
        inspect()
    inspect(f"source.path={tmp_path / 'source/two/data.yaml'}")


def test_a_kind_that_is_not_there(tmp_path: Path, inspect: Inspect) -> None:
    write("yolo", tmp_path / "source")
    with pytest.raises(
        UserError, match=r"nothing in it agrees with source\.kind=voc; it holds source\.kind=yolo"
    ):
        inspect("source.kind=voc")


def test_corners_in_coco_json_are_found_by_their_fit(tmp_path: Path, inspect: Inspect) -> None:
    content = SOURCES["coco_json"][0]()
    for number, entry in enumerate(content["annotations"]):
        x1, y1, x2, y2 = box_of(number)
        entry["bbox"] = [x1 + 20, y1 + 5, x2 + 20, y2 + 5]
    write("coco_json", tmp_path / "source", content)
    recipe, report = inspect()
    assert (
        "boxes: xywh in pixels: 0% of 4 looked at lie in their images (read otherwise: 100% as xyxy" in report
    )
    assert yaml.safe_load(recipe.read_text())["source"]["boxes"] == "xyxy"


def test_voc_that_counts_from_0_is_found_by_its_zeros(tmp_path: Path, inspect: Inspect) -> None:
    write("voc", tmp_path / "source")  # the box of the first image begins at 0
    recipe, report = inspect()
    assert "1 of 4 boxes begin at 0, so pixels are counted from 0" in report
    assert yaml.safe_load(recipe.read_text())["source"]["units"] == "pixels"


def test_units_that_only_one_reading_fits_are_taken(tmp_path: Path, inspect: Inspect) -> None:
    write(
        "records",
        tmp_path / "source",
        replaced(SOURCES["records"][0](), (1, "objects", "bbox", 0), [0, 0, 900, 990]),
    )
    recipe, report = inspect()
    assert "as grid alone all 4 fit" in report
    assert yaml.safe_load(recipe.read_text())["source"]["units"] == "grid"


def test_splits_of_coco_json_by_their_names(tmp_path: Path, inspect: Inspect) -> None:
    write("coco_json", tmp_path / "source")
    content = SOURCES["coco_json"][0]()
    (tmp_path / "source/instances_train.json").unlink()
    for split, images in (("train", (0, 1)), ("valid", (2,)), ("test", (3,))):
        part = content | {"images": [content["images"][n] for n in images]}
        part |= {"annotations": [content["annotations"][n] for n in images]}
        (tmp_path / "source" / split).mkdir()
        (tmp_path / "source" / split / "_annotations.coco.json").write_text(json.dumps(part))
    recipe, report = inspect("source.images=images")
    source = yaml.safe_load(recipe.read_text())["source"]
    assert source["train_files"] == "train/_annotations.coco.json"
    assert source["val_files"] == "valid/_annotations.coco.json"
    assert "test/_annotations.coco.json: in neither train nor val, left out" in report


def test_other_json_files_are_left_aside(tmp_path: Path, inspect: Inspect) -> None:
    write("label_studio", tmp_path / "source")
    (tmp_path / "source/package.json").write_text('{"name": "x", "dependencies": {}}')
    recipe, _ = inspect()
    prepare_dataset(load_recipe(PrepareRecipe, recipe))


def test_damage_is_refused_with_the_first_file(tmp_path: Path, inspect: Inspect) -> None:
    write("yolo", tmp_path / "source")
    (tmp_path / "source/images/2.png").write_bytes(b"no picture")
    with pytest.raises(
        UserError, match=r"1 of 4 images looked at cannot be used; the first: .*labels/2\.txt: image does not"
    ):
        inspect()
    inspect("max_bad_share=0.5")


def test_what_preparing_would_leave_out_is_counted(tmp_path: Path, inspect: Inspect) -> None:
    content = SOURCES["coco_json"][0]()
    content["annotations"][1]["bbox"] = [100, 100, 5, 5]
    content["annotations"][2]["iscrowd"] = 1
    write("coco_json", tmp_path / "source", content)
    _, report = inspect()
    assert "  1  box is outside its image" in report
    assert (
        "1 of 4 boxes are marked as crowd or difficult and left out; source.crowds=objects trains" in report
    )


def test_images_turned_by_exif_are_asked_about(tmp_path: Path, inspect: Inspect) -> None:
    write("yolo", tmp_path / "source")
    image = Image.new("RGB", (WIDTH, HEIGHT))
    exif = image.getexif()
    exif[0x0112] = 6
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif)
    (tmp_path / "source/images/2.png").write_bytes(file.getvalue())
    with pytest.raises(UserError, match=r"1 of 4 images looked at are turned .*add exif=turned"):
        inspect()
    recipe, _ = inspect("exif=turned")
    assert yaml.safe_load(recipe.read_text())["exif"] == "turned"


def test_a_names_file_beside_its_images(tmp_path: Path, inspect: Inspect) -> None:
    write("yolo", tmp_path / "source/pets")
    (tmp_path / "source/cfg").mkdir()
    (tmp_path / "source/pets/data.yaml").rename(tmp_path / "source/cfg/pets.yaml")
    file = tmp_path / "source/cfg/pets.yaml"
    file.write_text(file.read_text().replace("path: .", "path: ../pets"))
    recipe, report = inspect()
    assert yaml.safe_load(recipe.read_text())["source"]["outside"] is True
    assert "cfg/pets.yaml names folders beside its own, all below " in report


def test_a_names_file_that_leaves_the_folder_gets_no_permission(tmp_path: Path, inspect: Inspect) -> None:
    write("yolo", tmp_path / "elsewhere")
    (tmp_path / "source").mkdir()
    (tmp_path / "source/data.yaml").write_text(
        f"path: {tmp_path / 'elsewhere'}\ntrain: images\nnames: [cat, dog]\n"
    )
    with pytest.raises(UserError, match=r"lies outside source\.path, .*set source\.outside=true"):
        inspect()


def test_the_recipe_may_not_lie_in_the_folder(tmp_path: Path, inspect: Inspect) -> None:
    write("yolo", tmp_path / "source")
    with pytest.raises(UserError, match="which is looked into"):
        inspect(folder=tmp_path)


def test_the_command(tmp_path: Path) -> None:
    write("yolo", tmp_path / "source")
    recipe = tmp_path / "out.yaml"
    command = [sys.executable, "-m", "prepare.inspect", str(tmp_path / "source"), "--recipe", str(recipe)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.endswith(f"recipe: {recipe}\npictures: {tmp_path / 'out.png'}\n")
    ended = subprocess.run([*command, "sed=7"], cwd=ROOT, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "unknown key 'sed', did you mean 'seed'?" in ended.stderr


def test_make_prepare_takes_a_folder(tmp_path: Path) -> None:
    plan = ["make", "--dry-run", "--no-print-directory", "PYTHON=python3", "prepare"]
    shown = subprocess.run(
        [*plan, f"SOURCE={tmp_path / 'my photos'}"], cwd=ROOT, capture_output=True, text=True
    )
    assert f'prepare.inspect "{tmp_path / "my photos"}" --recipe "$recipe"' in shown.stdout
    usual = subprocess.run(plan, cwd=ROOT, capture_output=True, text=True)
    assert "prepare.inspect" not in usual.stdout
    assert "python -m prepare recipes/prepare/coco.yaml" in usual.stdout


@pytest.mark.parametrize(
    ("files", "what"),
    [
        ({"p.jsonl": '{"messages": [{"role": "user", "content": "Hi?"}]}'}, "p.jsonl holds conversations"),
        ({"p.jsonl": '{"query": "Hi?", "response": "Ho."}', "a.txt": "b"}, "p.jsonl holds conversations"),
        (
            {"p.json": '[{"conversations": [{"from": "human", "value": "Hi?"}]}]'},
            "p.json holds conversations",
        ),
        ({"b/p.txt": "What is up?\nAnd you?"}, "b/p.txt holds lines of text"),
    ],
)
def test_prompts_alone_lead_to_the_command_that_lets_a_model_answer_them(
    files: dict[str, str], what: str, tmp_path: Path, inspect: Inspect
) -> None:
    for name, text in files.items():
        (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "source" / name).write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="no annotations that are known") as caught:
        inspect()
    assert what in str(caught.value)
    name = what.partition(" ")[0]
    assert f"python -m prepare.replay CHECKPOINT {tmp_path / 'source' / name}" in str(caught.value)


def test_text_beside_other_files_is_not_taken_for_prompts(tmp_path: Path, inspect: Inspect) -> None:
    (tmp_path / "source").mkdir()
    for name in ("notes.txt", "table.csv"):
        (tmp_path / "source" / name).write_text("a,b", encoding="utf-8")
    with pytest.raises(UserError, match="no annotations that are known; there are 2 files"):
        inspect()
