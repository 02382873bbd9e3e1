"""Data sets with questions for words: their records, their pictures, and all that must not change."""

import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image

from grounding.boxes import Box as PixelBox
from grounding.boxes import Size, from_grid, to_grid
from grounding.card import load_card
from grounding.errors import UserError
from grounding.files import read_jsonl
from grounding.images.pixels import read_pixels
from grounding.regions.region_mark import Region, read_region
from grounding.regions.shown_region import SHOWN_AS, draw_shown_region
from prepare.check.dataset import check_dataset
from prepare.pipeline import prepare_dataset
from prepare.reasons import IMAGE_DOES_NOT_DECODE
from prepare.recipe import PrepareRecipe
from prepare.settings.describing_questions import DescribingQuestions
from prepare.settings.question_settings import CalibrationPart, YesNoQuestions
from prepare.sources.source_settings import SourceSettings
from train.preflight.data import file_problems

Make = Callable[..., Any]
Row = dict[str, Any]
SIZE = Size(40, 30)


def write_picture(path: Path, number: int, **options: Any) -> None:
    image = Image.new("RGB", (SIZE.width, SIZE.height), (9 * number, 99, 199))
    image.paste((200, 3 * number, 7), (4, 2, 20, 10))
    image.save(path, ("PNG", "JPEG")[number % 2], **options)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Expressions about random boxes: of some boxes several, of some several boxes, of some none."""
    folder, numbers = tmp_path / "source", random.Random(7)
    folder.mkdir()
    rows = []
    for number in range(16):
        write_picture(folder / f"{number}.img", number)
        boxes = []
        for _ in range(3):
            x, y = numbers.randrange(SIZE.width - 9), numbers.randrange(SIZE.height - 9)
            boxes.append([x, y, x + numbers.randrange(4, 9), y + numbers.randrange(4, 9)])
        for place, box in enumerate(boxes):
            rows += [
                {"image": f"{number}.img", "expression": f"thing {place} of {number}, {word}", "bbox": box}
                for word in ("small", "coloured", "square")[: numbers.randrange(1, 4)]
            ]
        rows.append({"image": f"{number}.img", "expression": "all things", "bbox": boxes})
        rows.append({"image": f"{number}.img", "expression": "an elephant", "bbox": None})
    (folder / "all.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return folder


def recipe_of(source: Path, folder: Path, **changes: Any) -> PrepareRecipe:
    settings: dict[str, Any] = {
        "source": SourceSettings(kind="phrases", path=str(source)),
        "categories": "source",
        "output_dir": str(folder),
        "total_samples": None,
        "val_ratio": 0.25,
        "prompt": "expression",
    }
    return PrepareRecipe(**(settings | changes))


def marked(dataset: Path, split: str) -> list[tuple[Row, Region]]:
    rows = [row for _, row in read_jsonl(dataset / f"{split}.jsonl")]
    return [(row, region) for row in rows if (region := read_region(row)) is not None]


@pytest.mark.parametrize("show", SHOWN_AS)
def test_only_describing_records_and_their_pictures_are_added(
    source: Path, tmp_path: Path, read_folder: Make, show: str
) -> None:
    prepare_dataset(recipe_of(source, tmp_path / "plain"))
    card = prepare_dataset(recipe_of(source, tmp_path / "dataset", regions=DescribingQuestions(0.3, show)))
    plain, asking = read_folder(tmp_path / "plain"), read_folder(tmp_path / "dataset")
    drawn = asking.keys() - plain.keys()
    assert bool(drawn) == (show != "text")
    for split in ("train", "val"):
        rows = [json.loads(line) for line in asking[f"{split}.jsonl"].splitlines()]
        others = [row for row in rows if "region" not in row]
        assert others == [json.loads(line) for line in plain[f"{split}.jsonl"].splitlines()]
        assert card.counts[split]["region"] == len(rows) - len(others) > 3
        assert card.counts[split]["records"] == len(rows)
    for name in plain.keys() - {"train.jsonl", "val.jsonl", "card.json"}:
        assert asking[name] == plain[name]
    records = [*marked(tmp_path / "dataset", "train"), *marked(tmp_path / "dataset", "val")]
    assert drawn == {row["images"][0] for row, _ in records} - plain.keys()
    assert set(card.prompts) > set(load_card(tmp_path / "plain").prompts)
    assert "regions" not in load_card(tmp_path / "plain").recipe
    assert "prompt" not in load_card(tmp_path / "dataset").recipe["regions"]  # as without such a key
    assert check_dataset(tmp_path / "dataset").errors == 0
    assert list(file_problems(tmp_path / "dataset/train.jsonl")) == []


def stated_pairs(source: Path) -> set[tuple[tuple[int, ...], str]]:
    """Return the boxes of the source, on the grid, each with an expression that means it alone."""
    return {
        (to_grid(PixelBox(*row["bbox"]), SIZE), row["expression"])
        for _, row in read_jsonl(source / "all.jsonl")
        if row["bbox"] and not isinstance(row["bbox"][0], list)
    }


@pytest.mark.parametrize("seed", range(3))
def test_words_and_boxes_say_the_same_in_both_directions(source: Path, tmp_path: Path, seed: int) -> None:
    shows = list(SHOWN_AS)
    recipe = recipe_of(source, tmp_path / "dataset", regions=DescribingQuestions(0.4, shows), seed=seed)
    prepare_dataset(recipe)
    known = stated_pairs(source)
    to_boxes = {
        (tuple(row["objects"]["bbox"][0]), row["objects"]["ref"][0])
        for split in ("train", "val")
        for _, row in read_jsonl(tmp_path / "dataset" / f"{split}.jsonl")
        if len(row.get("objects", {}).get("bbox", [])) == 1
    }
    assert to_boxes == known
    asked = [region for split in ("train", "val") for _, region in marked(tmp_path / "dataset", split)]
    answers = [
        row["messages"][-1]["content"]
        for split in ("train", "val")
        for row, _ in marked(tmp_path / "dataset", split)
    ]
    assert {region.show for region in asked} == set(shows)
    for region, answer in zip(asked, answers, strict=True):
        assert set(region.phrases) == {phrase for box, phrase in known if box == region.box}
        assert answer in region.phrases


def test_the_picture_is_the_one_that_the_renderer_makes(source: Path, tmp_path: Path) -> None:
    dataset = tmp_path / "dataset"
    prepare_dataset(recipe_of(source, dataset, regions=DescribingQuestions(0.4, list(SHOWN_AS))))
    records = [*marked(dataset, "train"), *marked(dataset, "val")]
    for row, region in records:
        original = read_pixels(dataset / region.image)
        shown = draw_shown_region(original, from_grid(*region.box, SIZE), region.show)
        assert read_pixels(dataset / row["images"][0]).tobytes() == shown.tobytes()
        assert (row["images"][0] == region.image) == (region.show == "text")


def test_questions_whether_a_box_is_right_and_for_words_go_together(source: Path, tmp_path: Path) -> None:
    both = {
        "regions": DescribingQuestions(0.2),
        "yes_no": YesNoQuestions(0.2),
        "calibration": CalibrationPart(0.3),
    }
    card = prepare_dataset(recipe_of(source, tmp_path / "dataset", **both))
    counts = card.counts
    assert counts["train"]["region"] > 5 < counts["train"]["yes_no"]
    assert counts["val"]["region"] > 2
    assert counts["val"]["yes_no"] == counts["calibration"]["region"] == counts["calibration"]["yes_no"] == 0
    for split, counted in counts.items():
        lines = (tmp_path / "dataset" / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
        assert len(lines) == counted["records"]
        assert sum('"region"' in line for line in lines) == counted["region"]
    assert check_dataset(tmp_path / "dataset").errors == 0


def test_an_interrupted_run_ends_with_the_same_bytes(
    source: Path, tmp_path: Path, read_folder: Make, interrupt_at_the_fifth_picture: Make
) -> None:
    regions = DescribingQuestions(0.4, ["blur", "crop"])
    prepare_dataset(recipe_of(source, tmp_path / "undisturbed", regions=regions))
    interrupt_at_the_fifth_picture(
        lambda: prepare_dataset(recipe_of(source, tmp_path / "dataset", regions=regions))
    )
    assert not (tmp_path / "dataset/card.json").exists()
    prepare_dataset(recipe_of(source, tmp_path / "dataset", regions=regions))
    assert read_folder(tmp_path / "dataset") == read_folder(tmp_path / "undisturbed")


def test_pictures_of_another_data_set_are_removed(source: Path, tmp_path: Path, read_folder: Make) -> None:
    prepare_dataset(recipe_of(source, tmp_path / "dataset", regions=DescribingQuestions(0.4)))
    prepare_dataset(recipe_of(source, tmp_path / "dataset", overwrite=True))
    prepare_dataset(recipe_of(source, tmp_path / "plain"))
    assert read_folder(tmp_path / "dataset") == read_folder(tmp_path / "plain")


def test_a_turned_image_is_shown_upright(source: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    for number in range(1, 16, 2):
        write_picture(source / f"{number}.img", number, exif=exif.tobytes())
    dataset = tmp_path / "dataset"
    prepare_dataset(recipe_of(source, dataset, exif="stored", regions=DescribingQuestions(0.4)))
    sizes = set()
    for row, region in marked(dataset, "train"):
        original = read_pixels(dataset / region.image)
        sizes.add(original.size)
        shown = draw_shown_region(original, from_grid(*region.box, Size(*original.size)), region.show)
        assert read_pixels(dataset / row["images"][0]).tobytes() == shown.tobytes()
    assert sizes == {(40, 30), (30, 40)}


def test_an_image_whose_pixels_do_not_decode_is_counted(source: Path, tmp_path: Path) -> None:
    """With verify=header it would be taken, but there is nothing to draw on."""
    buffer = io.BytesIO()
    Image.new("RGB", (SIZE.width, SIZE.height), (1, 2, 3)).save(buffer, "PNG")
    (source / "0.img").write_bytes(buffer.getvalue()[:-30])
    settings = {"verify": "header", "max_bad_share": 0.5}
    assert prepare_dataset(recipe_of(source, tmp_path / "plain", **settings)).dropped == {}
    card = prepare_dataset(
        recipe_of(source, tmp_path / "dataset", regions=DescribingQuestions(0.6), **settings)
    )
    assert card.dropped == {IMAGE_DOES_NOT_DECODE: 1}


def test_bad_texts_are_counted_only_where_words_are_asked_for(source: Path, tmp_path: Path) -> None:
    with (source / "all.jsonl").open("a", encoding="utf-8") as file:
        rows = [
            {"image": "1.img", "expression": "the <b> thing", "bbox": [1, 1, 9, 9]},
            {"image": "1.img", "expression": "the \0 thing", "bbox": [1, 1, 9, 9]},
        ]
        file.writelines(f"{json.dumps(row)}\n" for row in rows)
    assert prepare_dataset(recipe_of(source, tmp_path / "plain")).dropped == {}
    card = prepare_dataset(recipe_of(source, tmp_path / "dataset", regions=DescribingQuestions(0.4)))
    assert card.dropped == {
        "description of an object contains markup": 1,
        "description of an object contains a control character": 1,
    }


def test_a_source_without_texts_is_refused_before_anything_is_written(
    tmp_path: Path, make_row: Make, write_rows: Make, make_recipe: Make
) -> None:
    write_rows(tmp_path / "source/train-00000-of-00001.parquet", [make_row(n) for n in range(1, 9)])
    settings = {"total_samples": 8, "val_ratio": 0.25}
    with pytest.raises(UserError, match=r"regions\.share: no training image .* set regions\.labels=true"):
        prepare_dataset(make_recipe(regions=DescribingQuestions(0.4), **settings))
    assert not (tmp_path / "dataset/images").exists()
    assert not (tmp_path / "dataset/train.jsonl").exists()
    card = prepare_dataset(make_recipe(regions=DescribingQuestions(0.4, labels=True), **settings))
    records = marked(tmp_path / "dataset", "train")
    assert card.counts["train"]["region"] == len(records) > 1
    assert {row["messages"][-1]["content"] for row, _ in records} == {"cat"}


def test_fewer_texts_than_wanted_are_said(
    source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    prepare_dataset(recipe_of(source, tmp_path / "dataset", regions=DescribingQuestions(0.9)))
    assert "% of the records ask for words, and regions.share is 90.0 %" in caplog.text
    caplog.clear()
    prepare_dataset(recipe_of(source, tmp_path / "another", regions=DescribingQuestions(0.2)))
    assert "ask for words" not in caplog.text
