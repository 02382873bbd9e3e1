"""Data sets with views: their pictures, and all that must not change."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from grounding.candidates.candidate_settings import CandidateQuestions
from grounding.card import load_card
from grounding.files import read_jsonl
from grounding.images.pixels import read_pixels
from grounding.predictions.annotations import read_annotations
from grounding.predictions.question_pictures import read_question_pictures
from prepare.check.dataset import OTHER_VIEW, check_dataset
from prepare.pipeline import prepare_dataset
from prepare.recipe import PrepareRecipe
from prepare.settings.describing_questions import DescribingQuestions
from prepare.settings.question_settings import YesNoQuestions
from prepare.sources.source_settings import SourceSettings
from train.preflight.data import file_problems

Make = Callable[..., Any]
VIEWS = {"views": "global+tiles", "view_tiles": 2, "view_overlap": 0.2}
CAT, DOG = (0, [4.0, 2.0, 20.0, 10.0], 128.0), (1, [22.0, 4.0, 38.0, 18.0], 224.0)


def noisy(number: int) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 255, (20, 40, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, ("PNG", "JPEG")[number % 2])
    return buffer.getvalue()


@pytest.fixture
def source(tmp_path: Path, make_row: Make, write_rows: Make) -> Path:
    for split, numbers in (("train", range(1, 7)), ("val", range(21, 24))):
        rows = [
            make_row(number, objects=[CAT, DOG], image={"bytes": noisy(number), "path": None})
            for number in numbers
        ]
        write_rows(tmp_path / f"source/{split}-00000-of-00001.parquet", rows)
    return tmp_path / "source"


def test_views_are_added_and_nothing_else_changes(
    source: Path, tmp_path: Path, make_recipe: Make, read_folder: Make
) -> None:
    settings = {"total_samples": None, "max_objects": 1, "overflow": "turns"}
    prepare_dataset(make_recipe(output_dir=str(tmp_path / "plain"), **settings))
    card = prepare_dataset(make_recipe(**settings, **VIEWS))
    plain, shown = read_folder(tmp_path / "plain"), read_folder(tmp_path / "dataset")
    assert "views" not in load_card(tmp_path / "plain").recipe
    assert card.recipe["view_overlap"] == 0.2
    assert card.counts["train"]["with_views"] == card.counts["train"]["records"] == 6
    assert card.counts["val"]["views"] == 4 * card.counts["val"]["records"]
    for name in plain.keys() - {"train.jsonl", "val.jsonl", "card.json"}:
        assert shown[name] == plain[name]
    for split in ("train", "val"):
        before, after = (
            [json.loads(line) for line in files[f"{split}.jsonl"].splitlines()] for files in (plain, shown)
        )
        for old, new in zip(before, after, strict=True):
            assert new["images"][:1] == old["images"]
            assert len(new["images"]) == 5
            assert new["messages"][1]["content"].endswith(
                old["messages"][1]["content"].removeprefix("<image>")
            )
            assert new["messages"][2:] == old["messages"][2:]
            assert new["objects"] == old["objects"]
            whole = read_pixels(tmp_path / "dataset" / new["images"][0])
            last = read_pixels(tmp_path / "dataset" / new["images"][4])
            assert last.tobytes() == whole.crop((17, 8, 40, 20)).tobytes()  # (444, 444) to (1000, 1000)
    assert check_dataset(tmp_path / "dataset").errors == 0
    assert list(file_problems(tmp_path / "dataset/train.jsonl")) == []
    annotations = read_annotations(tmp_path / "dataset/annotations_val.json")
    groups = read_question_pictures(tmp_path / "dataset", annotations)
    assert groups == [(image["id"],) for image in annotations["images"]]


def test_candidates_decide_which_parts_are_shown(source: Path, tmp_path: Path, make_recipe: Make) -> None:
    rows = [
        {"image_id": number, "category_id": 1, "bbox": [0, 0, 4, 2], "score": 0.5}
        for number in range(1, 30, 2)
    ]
    (tmp_path / "found.json").write_text(json.dumps(rows), encoding="utf-8")
    candidates = CandidateQuestions(
        file=str(tmp_path / "found.json"), without=0, falsified=0, jitter=0, dropped=0
    )
    prepare_dataset(
        make_recipe(total_samples=None, candidates=candidates, views="global+objects", view_context=1.5)
    )
    records = [row for _, row in read_jsonl(tmp_path / "dataset/train.jsonl")]
    assert {len(row["images"]) for row in records} == {1, 2}
    for row in records:
        assert ("views" in row) == ("candidates" in row) == (len(row["images"]) == 2)
        if "views" in row:
            assert row["views"]["regions"] == [[0, 0, 150, 150]]
    assert check_dataset(tmp_path / "dataset").errors == 0


def test_an_interrupted_run_ends_with_the_same_bytes(
    source: Path, tmp_path: Path, make_recipe: Make, read_folder: Make, interrupt_at_the_fifth_picture: Make
) -> None:
    recipe = {"total_samples": None, **VIEWS}
    prepare_dataset(make_recipe(output_dir=str(tmp_path / "undisturbed"), **recipe))
    interrupt_at_the_fifth_picture(lambda: prepare_dataset(make_recipe(**recipe)))
    prepare_dataset(make_recipe(**recipe))
    assert read_folder(tmp_path / "dataset") == read_folder(tmp_path / "undisturbed")
    prepare_dataset(make_recipe(total_samples=None, overwrite=True))
    assert not list((tmp_path / "dataset/images").glob("view_*"))


def test_a_view_of_another_part_is_found(source: Path, tmp_path: Path, make_recipe: Make) -> None:
    prepare_dataset(make_recipe(total_samples=None, view_pixels=150, **VIEWS))
    dataset = tmp_path / "dataset"
    assert check_dataset(dataset).errors == 0
    rows = [row for _, row in read_jsonl(dataset / "train.jsonl")]
    rows[1]["images"][1:3] = reversed(rows[1]["images"][1:3])
    (dataset / "train.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    report = check_dataset(dataset)
    assert report.counts == {OTHER_VIEW: 2}
    assert [finding.line for finding in report.first[OTHER_VIEW]] == [2, 2]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"yes_no": YesNoQuestions(0.5)}, "yes_no.share"),
        ({"regions": DescribingQuestions(0.5)}, "regions.share"),
        ({"views": "global+objects"}, "set candidates.file"),
        ({"views": "objects"}, "views: 'objects'"),
    ],
)
def test_what_views_do_not_go_with_is_refused(make_recipe: Make, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make_recipe(**(VIEWS | changed))


def test_conversations_of_records_get_no_views() -> None:
    with pytest.raises(ValueError, match=r"source\.kind=records keeps conversations"):
        PrepareRecipe(
            source=SourceSettings(hub="local", path="x", kind="records"), output_dir="y", views="global+tiles"
        )
