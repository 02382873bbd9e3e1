"""The check of a data set: silent on a good one, and every kind of fault is found on its line."""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from grounding.record import flaws
from prepare.check import dataset as dataset_checks
from prepare.check import image_bytes as check_images
from prepare.check.__main__ import main
from prepare.check.dataset import check_dataset
from prepare.check.findings import Report
from prepare.pipeline import prepare_dataset
from prepare.reasons import IMAGE_DOES_NOT_DECODE
from prepare.settings.describing_questions import DescribingQuestions
from prepare.settings.question_settings import CalibrationPart, YesNoQuestions

Make = Callable[..., Any]
ROOT = Path(__file__).parents[3]


@pytest.fixture
def dataset(tmp_path: Path, make_row: Make, write_rows: Make, make_recipe: Make, png: Make) -> Path:
    def picture(i: int) -> dict[str, Any]:
        return {"image": {"bytes": png(40, 20, "JPEG", comment=str(i).encode()), "path": None}}

    write_rows(
        tmp_path / "source/train-00000-of-00001.parquet", [make_row(i, **picture(i)) for i in range(1, 9)]
    )
    write_rows(
        tmp_path / "source/val-00000-of-00001.parquet", [make_row(i, **picture(i)) for i in range(11, 14)]
    )
    prepare_dataset(make_recipe(total_samples=None))
    return tmp_path / "dataset"


def change(path: Path, line: int, **changes: Any) -> None:
    rows = [json.loads(text) for text in path.read_text().splitlines()]
    rows[line - 1] |= changes
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def find(report: Report) -> dict[str, list[tuple[str, int]]]:
    return {kind: [(item.file.name, item.line) for item in first] for kind, first in report.first.items()}


def test_a_prepared_data_set_is_sound(dataset: Path) -> None:
    report = check_dataset(dataset)
    assert (report.records, report.images, report.counts) == (11, 11, {})
    assert main([str(dataset)]) == 0


def test_without_a_card_too(dataset: Path) -> None:
    (dataset / "card.json").unlink()
    change(dataset / "train.jsonl", 2, objects={"ref": ["unicorn"], "bbox": [[1, 1, 2, 2]]})
    assert check_dataset(dataset / "train.jsonl").counts == {}


def test_faults_of_files_are_found_on_their_lines(dataset: Path) -> None:
    images = sorted((dataset / "images").iterdir())
    train, val = images[:8], images[8:]
    names = [json.loads(line)["images"][0] for line in (dataset / "train.jsonl").read_text().splitlines()]
    line_of = {name: number for number, name in enumerate(names, start=1)}

    def line(path: Path) -> int:
        return line_of[f"images/{path.name}"]

    train[0].unlink()
    train[1].write_bytes(train[1].read_bytes()[:-10])
    shutil.copy(val[0], train[2])
    shutil.copy(train[4], train[3])
    truth = json.loads((dataset / "annotations_val.json").read_text())
    truth["images"][0]["width"] += 1
    missing = truth["images"].pop()["file_name"]
    (dataset / "annotations_val.json").write_text(json.dumps(truth))
    with (dataset / "train.jsonl").open("a") as file:
        file.write("{half a line\n" + json.dumps({"messages": [], "images": ["https://x.y/z.jpg"]}) + "\n")
        file.write((dataset / "train.jsonl").read_text().splitlines()[line(train[6]) - 1] + "\n")
    val_lines = [json.loads(text)["images"][0] for text in (dataset / "val.jsonl").read_text().splitlines()]
    report = check_dataset(dataset)
    found = find(report)
    assert found.pop(check_images.MISSING) == [("train.jsonl", line(train[0]))]
    assert found.pop(IMAGE_DOES_NOT_DECODE) == [("train.jsonl", line(train[1]))]
    assert found.pop(dataset_checks.IN_BOTH) == [("train.jsonl", line(train[2]))]
    assert found.pop(dataset_checks.IMAGE_TWICE) == [("train.jsonl", max(line(train[3]), line(train[4])))]
    assert found.pop(dataset_checks.OTHER_SIZE) == [("val.jsonl", 1)]
    assert found.pop(dataset_checks.NOT_ANNOTATED) == [("val.jsonl", val_lines.index(missing) + 1)]
    assert found.pop(flaws.NOT_JSON) == [("train.jsonl", 9)]
    assert found.pop(dataset_checks.REMOTE) == [("train.jsonl", 10)]
    assert found.pop(flaws.BAD_MESSAGES) == [("train.jsonl", 10)]
    assert found.pop(dataset_checks.ASKED_TWICE) == [("train.jsonl", 11)]
    assert found == {}
    assert report.errors == 7


def test_a_box_that_two_kinds_of_questions_show_is_no_double(
    tmp_path: Path, make_row: Make, write_rows: Make, make_recipe: Make
) -> None:
    """Their pictures have the same bytes, and a name for each kind."""
    dataset, pictures = tmp_path / "dataset", []
    for i in range(12):
        buffer = io.BytesIO()
        Image.new("RGB", (40, 20), (20 * i, 90, 7)).save(buffer, "PNG")
        pictures.append(make_row(i, image={"bytes": buffer.getvalue(), "path": None}))
    write_rows(tmp_path / "source/train-00000-of-00001.parquet", pictures[:9])
    write_rows(tmp_path / "source/val-00000-of-00001.parquet", pictures[9:])
    asks = {"yes_no": YesNoQuestions(0.4), "regions": DescribingQuestions(0.4, "spotlight", labels=True)}
    prepare_dataset(make_recipe(total_samples=None, **asks))
    drawn = {path.name.rpartition("_")[2]: path for path in (dataset / "images").glob("yes_no_*.png")}
    twins = [path for path in (dataset / "images").glob("region_*.png") if path.name[7:] in drawn]
    assert twins
    assert check_dataset(dataset).counts == {}
    lines = (dataset / "train.jsonl").read_text().splitlines()
    names = [json.loads(line)["images"][0] for line in lines]
    twin = next(path for path in twins if f"images/{path.name}" in names)
    for other in (f"region_{'0' * 32}.png", "other.png"):
        shutil.copy(twin, dataset / "images" / other)
        change(dataset / "train.jsonl", names.index(f"images/{twin.name}") + 1, images=[f"images/{other}"])
        assert check_dataset(dataset).counts == {dataset_checks.IMAGE_TWICE: 1}


def test_exit_codes_and_limited_print(dataset: Path) -> None:
    for line in range(1, 9):
        change(dataset / "train.jsonl", line, objects={"ref": ["cat"], "bbox": [[1, 1, 2, 2000]]})
    command = [sys.executable, "-m", "prepare.check", str(dataset), "--limit", "3"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    lines = result.stdout.splitlines()
    assert lines[0] == "error: box reaches out of 0..1000 (8)"
    assert lines[1] == f"  {dataset}/train.jsonl, line 1: [1, 1, 2, 2000]"
    assert lines[4:] == ["  and 5 more", "checked 11 records and 11 images: 8 errors, 0 warnings"]


def test_the_recipe_names_the_data_set(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOWNLOAD_SOURCE", raising=False)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"categories: [cat, dog]\noutput_dir: {tmp_path / 'elsewhere'}\n")
    assert main([str(recipe), f"output_dir={dataset}"]) == 0


def test_images_outside_the_folder_are_found_and_not_opened(dataset: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    shutil.copy(sorted((dataset / "images").iterdir())[0], secret)
    (dataset / "images/link.jpg").symlink_to(secret)
    for line, name in enumerate((str(secret), "../secret.png", "images/link.jpg", "../gone.png"), start=1):
        change(dataset / "train.jsonl", line, images=[name])
    found = find(check_dataset(dataset))
    assert found == {dataset_checks.OUTSIDE: [("train.jsonl", line) for line in (1, 2, 3, 4)]}
    assert main([str(dataset)]) == 2


def test_a_pipe_among_the_images_does_not_block(dataset: Path) -> None:
    os.mkfifo(dataset / "images/pipe.jpg")
    change(dataset / "train.jsonl", 2, images=["images/pipe.jpg"])
    assert find(check_dataset(dataset)) == {check_images.MISSING: [("train.jsonl", 2)]}


def test_lines_of_many_levels_or_half_a_surrogate_pair_are_findings(dataset: Path) -> None:
    with (dataset / "train.jsonl").open("a") as file:
        file.write("[" * 100_000 + "\n" + r'{"messages": "\ud83d"}' + "\n")
    report = check_dataset(dataset)
    assert find(report) == {flaws.NOT_JSON: [("train.jsonl", 9), ("train.jsonl", 10)]}
    str(report).encode()


def test_a_calibration_part_is_checked_and_shares_no_image(dataset: Path, make_recipe: Make) -> None:
    folder = dataset.with_name("calibrated")
    recipe = make_recipe(total_samples=None, calibration=CalibrationPart(0.25), output_dir=str(folder))
    prepare_dataset(recipe)
    report = check_dataset(folder)
    assert (report.records, report.images, report.counts) == (11, 11, {})
    assert check_dataset(folder / "calibration.jsonl").counts == {}
    names = {
        split: [
            json.loads(line)["images"][0] for line in (folder / f"{split}.jsonl").read_text().splitlines()
        ]
        for split in ("train", "val", "calibration")
    }
    shutil.copy(folder / names["calibration"][0], folder / names["train"][2])
    shutil.copy(folder / names["val"][0], folder / names["calibration"][1])
    truth = json.loads((folder / "annotations_calibration.json").read_text())
    truth["images"].pop(0)
    (folder / "annotations_calibration.json").write_text(json.dumps(truth))
    found = find(check_dataset(folder))
    assert found == {
        dataset_checks.IN_CALIBRATION: [("calibration.jsonl", 2), ("train.jsonl", 3)],
        dataset_checks.NOT_ANNOTATED_CALIBRATION: [("calibration.jsonl", 1)],
    }
    assert main([str(folder)]) == 2


def test_the_picture_of_a_question_for_words_shows_its_region(
    tmp_path: Path, make_row: Make, write_rows: Make, make_recipe: Make
) -> None:
    def coloured(i: int) -> bytes:
        file = io.BytesIO()
        Image.new("RGB", (40, 20), (9 * i, 99, 199)).save(file, "PNG")
        return file.getvalue()

    drawn = [make_row(i, image={"bytes": coloured(i), "path": None}) for i in range(1, 9)]
    write_rows(tmp_path / "source/train-00000-of-00001.parquet", drawn)
    shows = ["spotlight", "text"]
    prepare_dataset(make_recipe(total_samples=8, regions=DescribingQuestions(0.45, shows, labels=True)))
    dataset = tmp_path / "dataset"
    assert check_dataset(dataset).errors == 0
    rows = [json.loads(text) for text in (dataset / "train.jsonl").read_text().splitlines()]
    lines = {row["region"]["show"]: line for line, row in enumerate(rows, start=1) if "region" in row}
    assert lines.keys() == set(shows)
    before = (dataset / "train.jsonl").read_text()
    spotlight, text = rows[lines["spotlight"] - 1], rows[lines["text"] - 1]
    for line, changes in (
        (lines["spotlight"], {"region": spotlight["region"] | {"box": [100, 200, 500, 600]}}),
        (lines["spotlight"], {"region": spotlight["region"] | {"show": "blur"}}),
        (lines["spotlight"], {"images": [spotlight["region"]["image"]]}),
        (lines["text"], {"images": spotlight["images"]}),
    ):
        change(dataset / "train.jsonl", line, **changes)
        assert find(check_dataset(dataset)) == {
            dataset_checks.SHOWN_OTHERWISE: [("train.jsonl", line)],
        }
        (dataset / "train.jsonl").write_text(before)
    for image, kind in (("images/none.png", check_images.MISSING), ("../x.png", dataset_checks.OUTSIDE)):
        region = spotlight["region"] | {"image": image}
        change(dataset / "train.jsonl", lines["spotlight"], region=region)
        assert find(check_dataset(dataset)) == {kind: [("train.jsonl", lines["spotlight"])]}
        (dataset / "train.jsonl").write_text(before)
    change(dataset / "train.jsonl", lines["text"], region=text["region"] | {"phrases": ["another"]})
    assert find(check_dataset(dataset)) == {flaws.BAD_REGION: [("train.jsonl", lines["text"])]}
