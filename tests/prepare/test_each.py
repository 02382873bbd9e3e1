import json
from pathlib import Path

import pytest
from PIL import Image

from grounding.card import load_card
from grounding.errors import UserError
from grounding.recipe.loading import load_recipe
from prepare.check.dataset import check_dataset
from prepare.each import main
from prepare.pipeline import prepare_dataset
from prepare.recipe import PrepareRecipe
from tests.infer.suite.drawn_sets import RECIPE, write_exports

ODINW_RECIPE = RECIPE.with_name("odinw.yaml")
COCO_RECIPE = RECIPE.with_name("coco_val2017.yaml")


def prepare(exports: Path, folder: Path, *words: str) -> int:
    return main([str(RECIPE), f"source.path={exports}", f"output_dir={folder}", *words])


def test_every_folder_becomes_a_test_set_with_its_empty_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exports = write_exports(tmp_path / "exports", 2)
    assert prepare(exports, tmp_path / "sets") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[2:]] == ["set00", "set01"]
    for name in ("set00", "set01"):
        folder = tmp_path / "sets" / name
        truth = json.loads((exports / name / "test" / "_annotations.coco.json").read_text())
        made = json.loads((folder / "annotations_val.json").read_text())
        assert sorted(image["id"] for image in made["images"]) == [image["id"] for image in truth["images"]]
        boxes = [
            sorted((item["image_id"], item["category_id"], *item["bbox"]) for item in one["annotations"])
            for one in (truth, made)
        ]
        assert boxes[0] == boxes[1]
        assert (folder / "train.jsonl").read_bytes() == b""
        assert [item["id"] for item in made["categories"]] == [item["id"] for item in truth["categories"]][1:]
        assert load_card(folder).recipe["test_set"] is True
        assert check_dataset(folder).errors == 0


def test_a_group_with_objects_of_its_own_stays(tmp_path: Path) -> None:
    exports = write_exports(tmp_path / "exports", 2)
    path = exports / "set01" / "test" / "_annotations.coco.json"
    content = json.loads(path.read_text())
    content["annotations"][0]["category_id"] = 0
    path.write_text(json.dumps(content))
    assert prepare(exports, tmp_path / "sets") == 0
    names = [category.name for category in load_card(tmp_path / "sets" / "set01").categories]
    assert names[0] == "animals"
    prepare(exports, tmp_path / "kept", "source.groups=keep")
    assert "animals" in (tmp_path / "kept" / "set01" / "val.jsonl").read_text()


def test_a_second_run_prepares_nothing(tmp_path: Path) -> None:
    exports = write_exports(tmp_path / "exports", 1)
    prepare(exports, tmp_path / "sets")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "sets").rglob("*.json*")}
    assert prepare(exports, tmp_path / "sets") == 0
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "sets").rglob("*.json*")}


def test_a_folder_that_is_no_export_is_named_and_the_others_are_prepared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exports = write_exports(tmp_path / "exports", 2)
    (exports / "set00" / "test" / "_annotations.coco.json").unlink()
    assert prepare(exports, tmp_path / "sets") == 2
    shown = capsys.readouterr().out
    assert "problem: set00: source.val_files: no file in" in shown
    assert (tmp_path / "sets" / "set01" / "card.json").is_file()


def test_two_versions_of_a_data_set_are_not_mixed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exports = write_exports(tmp_path / "exports", 1)
    (exports / "set00" / "large").mkdir()
    (exports / "set00" / "test").rename(exports / "set00" / "large" / "test")
    pattern = "source.val_files=**/test/_annotations.coco.json"
    assert prepare(exports, tmp_path / "one", pattern) == 0
    write_exports(exports / "more", 1)
    (exports / "more" / "set00" / "test").rename(exports / "set00" / "test")
    assert prepare(exports, tmp_path / "two", pattern) == 2
    named = "fits 2 files (large/test/_annotations.coco.json, test/_annotations.coco.json)"
    assert named in capsys.readouterr().out


def test_exports_that_their_package_has_cleaned_are_read_alike(tmp_path: Path) -> None:
    exports = write_exports(tmp_path / "exports", 2)
    assert prepare(exports, tmp_path / "whole") == 0
    for path in exports.glob("*/test/_annotations.coco.json"):
        content = json.loads(path.read_text())  # as RF100VlDataset.get_clean_ann_data of rf100vl leaves it
        content["categories"] = [one | {"id": one["id"] - 1} for one in content["categories"] if one["id"]]
        for item in content["annotations"]:
            item["category_id"] -= 1
        path.write_text(json.dumps(content))
    assert prepare(exports, tmp_path / "cleaned") == 0
    for name in ("set00", "set01"):
        whole, cleaned = tmp_path / "whole" / name, tmp_path / "cleaned" / name
        assert (cleaned / "val.jsonl").read_bytes() == (whole / "val.jsonl").read_bytes()
        names = [[category.name for category in load_card(one).categories] for one in (whole, cleaned)]
        assert names[0] == names[1]


def test_odinw_as_published_becomes_test_sets_by_the_commands_of_its_recipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exports = write_exports(tmp_path / "exports", 3)
    usual, voc, pistols = (exports / f"set{number:02}" / "test" for number in range(3))
    for test in (usual, voc, pistols):
        (test / "_annotations.coco.json").rename(test / "annotations_without_background.json")
    (exports / "set00" / "large").mkdir()
    usual.rename(exports / "set00" / "large" / "test")
    voc.rename(exports / "set01" / "valid")
    (pistols / "annotations_without_background.json").rename(
        pistols / "test_annotations_without_background.json"
    )
    pistols.rename(exports / "set02" / "export")
    (exports / "set01").rename(exports / "PascalVOC")
    (exports / "set02").rename(exports / "pistols")
    assert main([str(ODINW_RECIPE), f"source.path={exports}", f"output_dir={tmp_path / 'sets'}"]) == 2
    said = capsys.readouterr().out
    assert "problem: PascalVOC: source.val_files: " in said
    assert "problem: pistols: source.val_files: " in said
    lines = ODINW_RECIPE.read_text(encoding="utf-8").replace("\\\n#", "").splitlines()
    commands = [line.split("odinw.yaml")[1].split() for line in lines if "FOLDER/" in line]
    for words in commands:
        words = [
            word.replace("FOLDER", str(exports)).replace("data/odinw", f"{tmp_path}/sets") for word in words
        ]
        prepare_dataset(load_recipe(PrepareRecipe, ODINW_RECIPE, words))
    for name in ("set00", "PascalVOC", "pistols"):
        card = load_card(tmp_path / "sets" / name)
        assert card.counts["val"]["images"] >= 3
        assert card.recipe["test_set"] is True


def test_a_list_of_few_shots_is_what_is_trained(tmp_path: Path) -> None:
    exports = write_exports(tmp_path / "exports", 1)
    source = exports / "set00"
    (source / "test").rename(source / "valid")
    whole = json.loads((source / "valid" / "_annotations.coco.json").read_text())
    few = [image for image in whole["images"] if image["id"] in (1, 2)]
    (source / "train").mkdir()
    for image in few:
        picture = Image.open(source / "valid" / image["file_name"]).rotate(180)
        picture.save(source / "train" / f"shot{image['id']}.png")
    shots = {
        **whole,
        "images": [{**image, "id": image["id"] + 50, "file_name": f"shot{image['id']}.png"} for image in few],
        "annotations": [
            {**item, "image_id": item["image_id"] + 50}
            for item in whole["annotations"]
            if item["image_id"] in (1, 2)
        ],
    }
    (source / "train" / "few_shot_2.json").write_text(json.dumps(shots))
    words = ["test_set=false", "source.train_files=train/few_shot_2.json"]
    assert prepare(exports, tmp_path / "sets", *words, "source.val_files=valid/_annotations.coco.json") == 0
    counts = load_card(tmp_path / "sets" / "set00").counts
    assert counts["train"]["images"] == 2
    assert (
        counts["val"]["images"] == len(whole["images"]) - 1
    )  # without test_set, the empty image is left out


def test_coco_val2017_keeps_empty_images_and_images_of_crowds(tmp_path: Path) -> None:
    source = tmp_path / "coco"
    write_exports(source, 1)
    content = json.loads((source / "set00" / "test" / "_annotations.coco.json").read_text())
    del content["categories"][0]  # COCO has no group
    crowded = content["images"][1]["id"]
    for item in content["annotations"]:
        item["iscrowd"] = int(item["image_id"] == crowded)
    (source / "annotations").mkdir()
    (source / "annotations" / "instances_val2017.json").write_text(json.dumps(content))
    (source / "set00" / "test").rename(source / "val2017")
    words = [f"source.path={source}", f"output_dir={tmp_path / 'out'}"]
    card = prepare_dataset(load_recipe(PrepareRecipe, COCO_RECIPE, words))
    assert card.counts["val"]["images"] == card.counts["val"]["records"] == len(content["images"])
    made = json.loads((tmp_path / "out" / "annotations_val.json").read_text())
    assert sum(item["iscrowd"] for item in made["annotations"]) == sum(
        item["iscrowd"] for item in content["annotations"]
    )


@pytest.mark.parametrize("key", ["calibration", "negatives", "yes_no", "regions"])
def test_a_test_set_has_nothing_that_needs_training_images(tmp_path: Path, key: str) -> None:
    with pytest.raises(UserError, match=rf"{key}.share: test_set=true leaves no training images"):
        prepare(tmp_path, tmp_path, f"{key}.share=0.2", "prompt=qwen_category")


def test_a_place_without_folders_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"source\.path: .* no folders in it"):
        prepare(tmp_path, tmp_path / "out")
