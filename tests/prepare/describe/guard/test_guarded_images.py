"""Images of an evaluation set are known by their content, under any name and as copies; others are not."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from grounding.errors import UserError
from prepare.describe.describe_settings import DescribeSettings
from prepare.describe.described_regions import find_regions
from prepare.describe.describing import describe_dataset
from prepare.describe.guard.guarded_images import COPY, SAME_FILE, SAME_PIXELS, find_guarded, guarded_paths
from tests.prepare.describe.fake_teacher import FakeTeacher
from tests.prepare.describe.test_describing import facts_of, rows_of

Make = Callable[..., DescribeSettings]


def first_image(shapes: Path, made: DescribeSettings) -> Path:
    return find_regions(shapes, made).images[0].path


def found(shapes: Path, made: DescribeSettings) -> list[tuple[str, str]]:
    finds = find_guarded(find_regions(shapes, made).images, made)
    return [(find.image.path.name, find.how) for find in finds]


def as_it_is(picture: Image.Image, path: Path) -> None:
    picture.save(path.with_suffix(".png"), "PNG", compress_level=1)


def turned(picture: Image.Image, path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.rotate(90, expand=True).save(path.with_suffix(".png"), "PNG", exif=exif)


def saved_anew(picture: Image.Image, path: Path) -> None:
    picture.save(path.with_suffix(".jpg"), "JPEG", quality=60)


def smaller(picture: Image.Image, path: Path) -> None:
    picture.resize((96, 96), Image.Resampling.BICUBIC).save(path.with_suffix(".webp"), "WEBP", quality=80)


@pytest.mark.parametrize(
    ("copy", "how"),
    [(as_it_is, SAME_PIXELS), (turned, SAME_PIXELS), (saved_anew, COPY), (smaller, COPY)],
    ids=["another PNG", "turned by EXIF", "JPEG", "smaller"],
)
def test_a_copy_is_known(
    settings: Make, shapes: Path, tmp_path: Path, copy: Callable[[Image.Image, Path], None], how: str
) -> None:
    exam = tmp_path / "exam" / "deep"
    exam.mkdir(parents=True)
    original = first_image(shapes, settings())
    copy(Image.open(original).convert("RGB"), exam / "another name")
    made = settings(guard=[str(tmp_path / "exam")])
    assert found(shapes, made) == [(original.name, how)]
    exact = settings(guard=[str(tmp_path / "exam")], guard_copies=False)
    assert found(shapes, exact) == ([] if how == COPY else [(original.name, how)])


def test_the_same_file_is_known_and_other_pictures_are_not(
    settings: Make, shapes: Path, tmp_path: Path
) -> None:
    exam = tmp_path / "exam"
    exam.mkdir()
    original = first_image(shapes, settings())
    picture = Image.open(original).convert("RGB")
    ImageOps.mirror(picture.crop((0, 0, 150, 160))).save(exam / "other.png")
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    Image.fromarray(noise).save(exam / "noise.png")
    made = settings(guard=[str(exam)])
    assert found(shapes, made) == []
    shutil.copyfile(original, exam / "same.png")
    assert found(shapes, made) == [(original.name, SAME_FILE)]


def test_a_data_set_guards_its_validation_split(teacher: FakeTeacher, settings: Make, shapes: Path) -> None:
    describe_dataset(shapes, settings(guard=[str(shapes)], limit=2))
    assert facts_of(settings())["guard"] == [{"set": "shapes", "images": 4}]
    asked = len(teacher.asked)
    with pytest.raises(
        UserError,
        match=r"guard: 4 of 4 images are in an evaluation set: images/.* is the same file as .*; and 1 "
        "more: describe another split, or set guarded=skip",
    ) as caught:
        describe_dataset(shapes, settings(split="val", guard=[str(shapes)], output_dir="unused"))
    assert "\n" not in str(caught.value)
    assert len(teacher.asked) == asked
    assert not Path("unused").exists()


def test_a_jsonl_and_a_damaged_image(settings: Make, shapes: Path, tmp_path: Path) -> None:
    original = first_image(shapes, settings())
    (tmp_path / "exam").mkdir()
    shutil.copyfile(original, tmp_path / "exam" / "a.png")
    (tmp_path / "exam" / "b.png").write_bytes(b"no picture")
    rows = [{"images": ["a.png"]}, {"images": ["b.png", "a.png"]}]
    file = tmp_path / "exam" / "questions.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert len(guarded_paths(file)) == 2
    assert found(shapes, settings(guard=[str(file)])) == [(original.name, SAME_FILE)]


def test_skipped_images_are_counted_and_not_sent(
    teacher: FakeTeacher, settings: Make, shapes: Path, tmp_path: Path
) -> None:
    exam = tmp_path / "exam"
    exam.mkdir()
    original = first_image(shapes, settings())
    saved_anew(Image.open(original).convert("RGB"), exam / "a")
    everything = find_regions(shapes, settings())
    left_out = len(everything.images[0].regions)
    made = settings(samples=1, guard=[str(exam)], guarded="skip")
    report = describe_dataset(shapes, made)
    assert f"left out: region of an image that is in an evaluation set: {left_out}" in report
    assert len(rows_of(made)) == everything.count - left_out
    assert f"images/{original.name}" not in {row["image"] for row in rows_of(made)}
    assert not (Path(made.output_dir) / "images" / original.name).exists()
    with pytest.raises(UserError, match="every image is in an evaluation set"):
        describe_dataset(shapes, settings(split="val", guard=[str(shapes)], guarded="skip"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such data set, JSONL file or folder of images"),
        ({}, "no image in it"),
        ({"notes.txt": "x"}, "no image in it"),
        ({"val.jsonl": '{"images": ["images/lost.png"]}\n'}, "no image .*lost.png"),
        ({"val.jsonl": '{"images": "a.png"}\n'}, "line 1: no list of images"),
        ({"train.jsonl": "{}\n"}, "no such file"),
    ],
)
def test_a_guard_that_guards_nothing_is_refused(
    tmp_path: Path, content: dict[str, str] | None, message: str
) -> None:
    place = tmp_path / "exam"
    if content is not None:
        place.mkdir()
        for name, text in content.items():
            (place / name).write_text(text)
    with pytest.raises(UserError, match=message):
        guarded_paths(place)
