"""Data sets with yes/no records: their pictures, and all that must not change."""

import io
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image

from grounding.boxes import Size, from_grid
from grounding.card import load_card
from grounding.files import read_jsonl
from grounding.images.pixels import read_pixels
from grounding.yes_no.shown_box import draw_shown_box
from prepare.check.dataset import check_dataset
from prepare.pipeline import prepare_dataset
from prepare.reasons import IMAGE_DOES_NOT_DECODE
from prepare.settings.question_settings import YesNoQuestions
from prepare.write import image_files, shown_boxes
from train.preflight.data import file_problems

Make = Callable[..., Any]
CAT, DOG = (0, [4.0, 2.0, 20.0, 10.0], 128.0), (1, [22.0, 4.0, 38.0, 18.0], 224.0)


def colourful(number: int, image_format: str, **options: Any) -> bytes:
    image = Image.new("RGB", (40, 20), (9 * number, 99, 199))
    image.paste((200, 3 * number, 7), (4, 2, 20, 10))
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


@pytest.fixture
def source(tmp_path: Path, make_row: Make, write_rows: Make) -> Path:
    for split, numbers in (("train", range(1, 13)), ("val", range(21, 25))):
        rows = [
            make_row(
                number,
                objects=[CAT, DOG],
                image={"bytes": colourful(number, ("PNG", "JPEG")[number % 2]), "path": None},
            )
            for number in numbers
        ]
        write_rows(tmp_path / f"source/{split}-00000-of-00001.parquet", rows)
    return tmp_path / "source"


def marked(dataset: Path) -> list[dict[str, Any]]:
    return [row for _, row in read_jsonl(dataset / "train.jsonl") if "yes_no" in row]


@pytest.mark.parametrize("show", ["outline", "spotlight", "text"])
def test_only_yes_no_records_and_their_pictures_are_added(
    source: Path, tmp_path: Path, make_recipe: Make, read_folder: Make, show: str
) -> None:
    settings = {"total_samples": None}
    prepare_dataset(make_recipe(output_dir=str(tmp_path / "plain"), **settings))
    card = prepare_dataset(make_recipe(yes_no=YesNoQuestions(0.5, show), **settings))
    plain, asking = read_folder(tmp_path / "plain"), read_folder(tmp_path / "dataset")
    rows = [json.loads(line) for line in asking["train.jsonl"].splitlines()]
    others = [row for row in rows if "yes_no" not in row]
    assert others == [json.loads(line) for line in plain["train.jsonl"].splitlines()]
    for name in plain.keys() - {"train.jsonl", "card.json"}:
        assert asking[name] == plain[name]
    drawn = asking.keys() - plain.keys()
    assert bool(drawn) == (show != "text")
    assert drawn == {row["images"][0] for row in marked(tmp_path / "dataset")} - plain.keys()
    assert card.counts["train"]["yes_no"] == len(rows) - len(others) > 6
    assert card.counts["train"]["records"] == len(rows)
    assert card.counts["val"]["yes_no"] == 0
    assert set(card.prompts) > set(load_card(tmp_path / "plain").prompts)
    assert "yes_no" not in load_card(tmp_path / "plain").recipe
    assert check_dataset(tmp_path / "dataset").errors == 0
    assert list(file_problems(tmp_path / "dataset/train.jsonl")) == []


@pytest.mark.parametrize("show", ["outline", "spotlight"])
def test_the_picture_is_the_one_that_inference_will_show(
    source: Path, tmp_path: Path, make_recipe: Make, show: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    make = shown_boxes.make_box_record

    def note(name: str, question: Any, answer_format: str) -> Any:
        asked.append((name, question))
        return make(name, question, answer_format)

    monkeypatch.setattr(shown_boxes, "make_box_record", note)
    prepare_dataset(make_recipe(total_samples=None, yes_no=YesNoQuestions(0.7, show)))
    dataset = tmp_path / "dataset"
    originals = {
        name: read_pixels(dataset / "images" / name.name) for name in (dataset / "images").glob("0*")
    }
    assert {path.suffix for path in originals} == {".png", ".jpg"}
    for name, question in asked:
        seen = read_pixels(dataset / name).tobytes()
        box = from_grid(*question.box, Size(40, 20))
        assert seen in {draw_shown_box(image, box, show).tobytes() for image in originals.values()}


def test_a_turned_image_is_shown_upright(
    tmp_path: Path, make_row: Make, write_rows: Make, make_recipe: Make
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    data = colourful(5, "JPEG", exif=exif.tobytes())
    rows = [make_row(number, image={"bytes": data, "path": None}, objects=[CAT]) for number in (1, 2)]
    write_rows(tmp_path / "source/train-00000-of-00001.parquet", rows)
    prepare_dataset(make_recipe(total_samples=2, val_ratio=0, exif="stored", yes_no=YesNoQuestions(0.8)))
    records = marked(tmp_path / "dataset")
    assert records
    for record in records:
        with Image.open(tmp_path / "dataset" / record["images"][0]) as image:
            assert image.size == (20, 40)
    assert check_dataset(tmp_path / "dataset").errors == 0


def test_an_interrupted_run_ends_with_the_same_bytes(
    source: Path, tmp_path: Path, make_recipe: Make, read_folder: Make, interrupt_at_the_fifth_picture: Make
) -> None:
    recipe = {"total_samples": None, "yes_no": YesNoQuestions(0.6)}
    prepare_dataset(make_recipe(output_dir=str(tmp_path / "undisturbed"), **recipe))
    interrupt_at_the_fifth_picture(lambda: prepare_dataset(make_recipe(**recipe)))
    assert not (tmp_path / "dataset/card.json").exists()
    prepare_dataset(make_recipe(**recipe))
    assert read_folder(tmp_path / "dataset") == read_folder(tmp_path / "undisturbed")


def test_pictures_of_another_data_set_are_removed(
    source: Path, tmp_path: Path, make_recipe: Make, read_folder: Make
) -> None:
    prepare_dataset(make_recipe(total_samples=None, yes_no=YesNoQuestions(0.6)))
    prepare_dataset(make_recipe(total_samples=None, overwrite=True))
    prepare_dataset(make_recipe(total_samples=None, output_dir=str(tmp_path / "plain")))
    assert read_folder(tmp_path / "dataset") == read_folder(tmp_path / "plain")


def test_images_of_equal_content_share_their_pictures(
    tmp_path: Path, make_row: Make, write_rows: Make, make_recipe: Make
) -> None:
    """Threads write the same files at the same time."""
    rows = [make_row(number, objects=[CAT]) for number in range(1, 41)]
    write_rows(tmp_path / "source/train-00000-of-00001.parquet", rows)
    card = prepare_dataset(make_recipe(total_samples=40, val_ratio=0, yes_no=YesNoQuestions(0.6)))
    names = [record["images"][0] for record in marked(tmp_path / "dataset")]
    assert len(names) == card.counts["train"]["yes_no"]
    assert len(set(names)) < len(names)
    assert check_dataset(tmp_path / "dataset").errors == 0


def test_two_threads_write_the_same_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has written its file before either gives it its name."""
    both, write = threading.Barrier(2, timeout=300), image_files._write

    def write_together(data: bytes, path: Path) -> None:
        write(data, path)
        both.wait()

    monkeypatch.setattr(image_files, "_write", write_together)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: image_files.write_image(b"content", tmp_path / "a.png"), range(2)))
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"content"


def test_an_image_whose_pixels_do_not_decode_is_counted(
    tmp_path: Path, make_row: Make, write_rows: Make, make_recipe: Make
) -> None:
    """With verify=header it would be taken, but there is nothing to draw on."""
    cut = make_row(1)["image"]["bytes"][:-30]
    rows = [make_row(1, image={"bytes": cut, "path": None}), *(make_row(number) for number in (2, 3))]
    write_rows(tmp_path / "source/train-00000-of-00001.parquet", rows)
    settings = {"total_samples": None, "val_ratio": 0, "verify": "header", "max_bad_share": 0.5}
    assert prepare_dataset(make_recipe(**settings)).counts["train"]["images"] == 3
    card = prepare_dataset(make_recipe(yes_no=YesNoQuestions(0.9), overwrite=True, **settings))
    assert card.counts["train"]["images"] == 2
    assert card.dropped == {IMAGE_DOES_NOT_DECODE: 1}
