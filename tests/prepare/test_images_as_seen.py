"""Images of every kind through a whole preparation: the box lies on the object that the model sees."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from grounding.boxes import Box, Size
from grounding.images.pixels import model_pixels
from grounding.layout import ANNOTATIONS_FILE
from prepare.pipeline import prepare_dataset
from prepare.reasons import IMAGE_OF_32_BITS, IMAGE_SIZE_DIFFERS, IMAGE_TURNED

Make = Callable[..., Any]

STORED = Size(40, 24)
OBJECT = Box(4, 2, 16, 10)
"""A black rectangle in the stored picture, the rest is white."""


def picture(mode: str = "L") -> Image.Image:
    image = Image.new("L", (STORED.width, STORED.height), 255)
    image.paste(0, tuple(map(int, OBJECT.xyxy)))
    if mode == "I;16":
        return Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    if mode in ("RGBA", "LA"):  # black everywhere, the alpha channel shows the object
        hidden = Image.new("L" if mode == "LA" else "RGB", image.size, 0)
        hidden.putalpha(image.point(lambda value: 255 - value))
        return hidden
    return image.convert(mode)


def file_of(image: Image.Image, name: str, orientation: int = 1) -> bytes:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    image.save(file, name, exif=exif, **({"quality": 100, "subsampling": 0} if name == "JPEG" else {}))
    return file.getvalue()


@pytest.fixture
def prepare_one(tmp_path: Path, make_row: Make, write_rows: Make, make_recipe: Make) -> Make:
    """Prepare one image with one box in pixels of the given picture, and return the data set's folder."""

    def prepare(data: bytes, size: Size, box: Box, **settings: Any) -> tuple[Path, dict[str, int]]:
        image = {"image": {"bytes": data, "path": None}, "width": size.width, "height": size.height}
        row = make_row(1, objects=[(0, list(box.xyxy), box.area)], **image)
        write_rows(tmp_path / "source/train-00000-of-00001.parquet", [row, make_row(2)])
        recipe = make_recipe(total_samples=None, val_ratio=0.0, max_bad_share=1.0, **settings)
        return tmp_path / "dataset", prepare_dataset(recipe).dropped

    return prepare


def seen_and_boxed(folder: Path) -> tuple[Image.Image, list[int]]:
    """Return what any program that ignores EXIF data sees of the image, and its box in these pixels."""
    record = next(
        row
        for row in map(json.loads, (folder / "train.jsonl").read_text().splitlines())
        if "000000000001" in row["images"][0]
    )
    with Image.open(folder / record["images"][0]) as image:
        seen = image.convert("RGB")
    (box,) = record["objects"]["bbox"]
    sides = (seen.width, seen.height, seen.width, seen.height)
    return seen, [round(value * side / 1000) for value, side in zip(box, sides, strict=True)]


def object_in(seen: Image.Image) -> list[int]:
    return list(seen.convert("L").point(lambda value: 255 * (value < 128)).getbbox())


@pytest.mark.parametrize("view", ["turned", "stored"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_of_either_view_lie_on_the_object(prepare_one: Make, orientation: int, view: str) -> None:
    data = file_of(picture(), "JPEG", orientation)
    turned = STORED.turned(orientation), OBJECT.turned(STORED, orientation)
    size, box = turned if view == "turned" else (STORED, OBJECT)
    folder, dropped = prepare_one(data, size, box, exif=view)
    assert dropped == {}
    seen, boxed = seen_and_boxed(folder)
    assert boxed == object_in(seen) == [int(value) for value in turned[1].xyxy]
    path = folder / "images/000000000001.jpg"
    assert (path.read_bytes() == data) if orientation == 1 else not path.exists()
    assert seen.size == (turned[0].width, turned[0].height)


def test_the_annotated_size_is_that_of_the_boxes_view(prepare_one: Make) -> None:
    data = file_of(picture(), "JPEG", 6)
    _, dropped = prepare_one(data, STORED, OBJECT, exif="turned")
    assert dropped == {IMAGE_SIZE_DIFFERS: 1}


def test_a_turned_image_is_dropped_where_the_recipe_says_nothing(prepare_one: Make) -> None:
    _, dropped = prepare_one(file_of(picture(), "JPEG", 6), STORED, OBJECT)
    assert dropped == {IMAGE_TURNED: 1}


@pytest.mark.parametrize(
    ("name", "mode", "is_kept"),
    [
        ("PNG", "I;16", False),
        ("PNG", "RGBA", False),
        ("PNG", "LA", False),
        ("TIFF", "I;16", False),
        ("TIFF", "RGB", False),
        ("TIFF", "CMYK", False),
        ("JPEG", "CMYK", True),
        ("PNG", "P", True),
        ("PNG", "1", True),
        ("WEBP", "RGB", True),
        ("BMP", "L", True),
    ],
)
def test_what_others_would_see_otherwise_is_written_as_png(
    prepare_one: Make, name: str, mode: str, is_kept: bool
) -> None:
    data = file_of(picture(mode), name)
    folder, dropped = prepare_one(data, STORED, OBJECT)
    assert dropped == {}
    seen, boxed = seen_and_boxed(folder)
    assert boxed == object_in(seen) == [int(value) for value in OBJECT.xyxy]
    (path,) = folder.glob("images/000000000001.*")
    assert (path.read_bytes() == data) == is_kept
    with Image.open(io.BytesIO(data)) as source:
        assert seen.tobytes() == model_pixels(source).tobytes()


def test_an_interrupted_run_ends_with_the_same_bytes(
    prepare_one: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = file_of(picture("I;16"), "PNG", 8)
    turned = STORED.turned(8), OBJECT.turned(STORED, 8)
    folder, _ = prepare_one(data, *turned, exif="turned")
    before = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with monkeypatch.context() as patched:
        patched.setattr("prepare.pipeline.finish_folder", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            prepare_one(data, *turned, exif="turned", overwrite=True)
    prepare_one(data, *turned, exif="turned")
    assert {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_pixels_of_32_bits_are_counted(prepare_one: Make) -> None:
    file = io.BytesIO()
    picture().convert("F").save(file, "TIFF")
    folder, dropped = prepare_one(file.getvalue(), STORED, OBJECT)
    assert dropped == {IMAGE_OF_32_BITS: 1}
    assert (folder / ANNOTATIONS_FILE).is_file()
