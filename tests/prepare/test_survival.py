"""Killed, out of disk, started twice, fed with damaged and hostile files: what a run has to live through."""

import dataclasses
import json
import os
import random
import resource
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from grounding.errors import UserError
from prepare.pipeline import prepare_dataset
from prepare.reasons import IMAGE_DOES_NOT_DECODE, IMAGE_TOO_LARGE, ROWS_DAMAGED
from prepare.recipe import PrepareRecipe
from prepare.sources.source_settings import SourceSettings
from prepare.write.lock import LOCK_FILE, only_run

ROOT = Path(__file__).parents[2]
IMAGES = 300
Make = Callable[..., Any]

# Ends the process, as SIGKILL from outside would, before or after the n-th rename of a file.
KILLED_AT = """
import os, pathlib, runpy, signal, sys, threading
number, after = int(sys.argv[1]), sys.argv[2] == "after"
rename, lock, count = pathlib.Path.replace, threading.Lock(), [0]
def replace(self, target):
    with lock:
        count[0] += 1
        if count[0] == number and not after:
            os.kill(os.getpid(), 9)
        result = rename(self, target)
        if count[0] == number:
            os.kill(os.getpid(), 9)
        return result
pathlib.Path.replace = replace
sys.argv = ["prepare", sys.argv[3]]
runpy.run_module("prepare", run_name="__main__")
"""


@pytest.fixture
def recipe_file(tmp_path: Path, make_row: Make, write_rows: Make) -> Path:
    rows = [make_row(number) for number in range(IMAGES)]
    write_rows(tmp_path / "source/train-00000-of-00001.parquet", rows, 50)
    path = tmp_path / "recipe.yaml"
    path.write_text(
        f"source: {{hub: local, path: {tmp_path / 'source'}}}\ncategories: [cat, dog]\n"
        f"output_dir: {tmp_path / 'dataset'}\ntotal_samples: null\nval_ratio: 0.2\n"
    )
    return path


def run(recipe_file: Path, file_limit: int | None = None) -> "subprocess.CompletedProcess[str]":
    def limit() -> None:
        if file_limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))

    return subprocess.run(
        [sys.executable, "-m", "prepare", str(recipe_file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,
    )


def write_undisturbed(tmp_path: Path, make_recipe: Make, read_folder: Make) -> dict[str, bytes]:
    prepare_dataset(make_recipe(total_samples=None, output_dir=str(tmp_path / "undisturbed")))
    files: dict[str, bytes] = read_folder(tmp_path / "undisturbed")
    return files


def finished_images(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (folder / "images").glob("[0-9]*")}


def test_killed_at_any_rename_and_started_again(
    recipe_file: Path, tmp_path: Path, make_recipe: Make, read_folder: Make
) -> None:
    """One folder, killed again and again: the marker is rename 1, the images follow, then four files."""
    wanted = write_undisturbed(tmp_path, make_recipe, read_folder)
    folder = tmp_path / "dataset"
    chance = random.Random(0)
    moments = [1, 2, chance.randrange(3, IMAGES // 2), chance.randrange(3, IMAGES // 3)]
    times: dict[str, int] = {}
    for number in moments:
        words = [str(number), chance.choice(["before", "after"]), str(recipe_file)]
        killed = subprocess.run(
            [sys.executable, "-c", KILLED_AT, *words], cwd=ROOT, capture_output=True, check=False
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert not (folder / "card.json").exists()
        now = finished_images(folder) if (folder / "images").is_dir() else {}
        assert times.items() <= now.items()
        times = now
    assert 0 < len(times) < IMAGES
    for number in range(1, 6):  # marker, train, val, annotations, card: nothing but these is left to do
        if number == 2:
            assert run(recipe_file, file_limit=10_000).returncode == 2  # all images are there now
            times = finished_images(folder)
            assert len(times) == IMAGES
        words = [str(number), "after", str(recipe_file)]
        subprocess.run([sys.executable, "-c", KILLED_AT, *words], cwd=ROOT, capture_output=True, check=False)
    assert run(recipe_file).returncode == 0
    assert finished_images(folder) == times
    assert read_folder(folder) == wanted


def test_killed_while_it_replaces_another_data_set(
    recipe_file: Path, tmp_path: Path, make_recipe: Make, read_folder: Make
) -> None:
    wanted = write_undisturbed(tmp_path, make_recipe, read_folder)
    prepare_dataset(make_recipe(total_samples=None, seed=7))
    with recipe_file.open("a") as file:
        file.write("overwrite: true\n")
    for number in (1, 1, 2, 30):  # the marker of an empty set, again, that of the new one, an image
        words = [str(number), "after", str(recipe_file)]
        killed = subprocess.run(
            [sys.executable, "-c", KILLED_AT, *words], cwd=ROOT, capture_output=True, check=False
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        if number == 1:
            with pytest.raises(UserError, match="overwrite=true"):
                prepare_dataset(make_recipe(total_samples=None))
    assert run(recipe_file).returncode == 0
    assert read_folder(tmp_path / "dataset") == wanted


def test_killed_from_outside_at_a_random_moment(
    recipe_file: Path, tmp_path: Path, make_recipe: Make, read_folder: Make
) -> None:
    wanted = write_undisturbed(tmp_path, make_recipe, read_folder)
    folder = tmp_path / "dataset"
    chance = random.Random(1)
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-m", "prepare", str(recipe_file)], cwd=ROOT, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not folder.exists():
            time.sleep(0.002)
        time.sleep(chance.random() * 0.3)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert run(recipe_file).returncode == 0
    assert read_folder(folder) == wanted


@pytest.mark.parametrize(
    ("limit", "file"), [(50, r".preparing.json"), (20_000, "train.jsonl")], ids=["at once", "at the records"]
)
def test_a_full_disk_is_one_line_and_leaves_no_half_record(
    recipe_file: Path, tmp_path: Path, make_recipe: Make, read_folder: Make, limit: int, file: str
) -> None:
    result = run(recipe_file, file_limit=limit)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert result.stderr.endswith(f"{errors[0]}\n")
    assert f"{file}: cannot be written: File too large" in errors[0]
    folder = tmp_path / "dataset"
    left = {path.name for path in folder.iterdir()} if folder.exists() else set()
    assert left <= {"images", ".preparing.json"}
    if folder.exists():
        assert all(len(path.read_bytes()) > 50 for path in (folder / "images").iterdir())
    assert run(recipe_file).returncode == 0
    assert read_folder(folder) == write_undisturbed(tmp_path, make_recipe, read_folder)


def test_a_second_run_into_the_folder_is_refused(
    recipe_file: Path, tmp_path: Path, make_recipe: Make
) -> None:
    recipe: PrepareRecipe = make_recipe(total_samples=None)
    folder = tmp_path / "dataset"
    with (
        only_run(folder),
        pytest.raises(UserError, match=r"another run is preparing .*/dataset at this moment"),
    ):
        prepare_dataset(recipe)
    assert not folder.exists()  # the one that had it wrote nothing
    folder.mkdir()
    (folder / LOCK_FILE).touch()  # left by a killed run: held by nobody
    prepare_dataset(recipe)
    assert not (folder / LOCK_FILE).exists()
    with only_run(folder):  # what is complete is read without the lock
        assert prepare_dataset(recipe).counts["train"]["images"] == 240


def test_two_runs_at_once_leave_one_data_set(
    recipe_file: Path, tmp_path: Path, make_recipe: Make, read_folder: Make
) -> None:
    words = [sys.executable, "-m", "prepare", str(recipe_file)]
    runs = [subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ends = [(process.communicate()[1], process.returncode) for process in runs]
    for stderr, code in ends:
        assert code == 0 or "another run is preparing" in stderr
    assert 0 in {code for _, code in ends}
    assert read_folder(tmp_path / "dataset") == write_undisturbed(tmp_path, make_recipe, read_folder)


def test_other_box_keys_are_another_data_set(recipe_file: Path, tmp_path: Path, make_recipe: Make) -> None:
    prepare_dataset(make_recipe(total_samples=None))
    place = SourceSettings(hub="local", path=str(tmp_path / "source"), boxes="xywh")
    recipe = dataclasses.replace(make_recipe(total_samples=None), source=place)
    with pytest.raises(UserError, match=r"source\.boxes xyxy there, xywh here.*overwrite=true"):
        prepare_dataset(recipe)


def everything_but(tmp_path: Path, folder: str) -> set[tuple[Path, int]]:
    return {
        (path, path.stat().st_mtime_ns)
        for path in tmp_path.parent.rglob("*")
        if path.is_file() and (tmp_path / folder) not in path.parents
    }


def test_names_cannot_lead_out_of_the_folder(tmp_path: Path, make_recipe: Make, png: Make) -> None:
    outside = tmp_path / "outside.png"
    names = ["../outside.png", str(outside), "a b/../../outside.png", "猫 和 狗.png", "x\n.png"]
    (tmp_path / "source/a b").mkdir(parents=True)
    for name in names:
        (tmp_path / "source" / name).write_bytes(png())
    lines = [{"image": name, "expression": "it", "bbox": [4, 2, 20, 10]} for name in names]
    (tmp_path / "source/rows.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    place = SourceSettings(kind="phrases", path=str(tmp_path / "source"))
    before = everything_but(tmp_path, "dataset")
    recipe = PrepareRecipe(
        source=place,
        categories="source",
        output_dir=str(tmp_path / "dataset"),
        total_samples=None,
        prompt="expression",
        val_ratio=0.0,
    )
    with pytest.raises(UserError, match=r"lies outside source\.path"):
        prepare_dataset(recipe)
    card = prepare_dataset(dataclasses.replace(recipe, source=dataclasses.replace(place, outside=True)))
    assert everything_but(tmp_path, "dataset") == before
    assert card.counts["train"]["images"] == 4  # two of the names are spellings of one
    written = sorted(path.name for path in (tmp_path / "dataset/images").iterdir())
    assert len(written) == 4
    assert all(name.removesuffix(".png").isdecimal() for name in written)


def bomb(side: int) -> bytes:
    """Make a PNG of some hundred bytes that says it has side x side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1 << 16))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_a_decompression_bomb_is_not_decoded(
    tmp_path: Path, make_row: Make, write_rows: Make, make_recipe: Make
) -> None:
    data = {"bytes": bomb(50_000), "path": None}
    objects = [(0, [0.0, 0.0, 25_000.0, 25_000.0], 1.0)]
    huge = make_row(1, image=data, width=50_000, height=50_000, objects=objects)
    write_rows(tmp_path / "source/train-00000-of-00001.parquet", [huge, *map(make_row, range(2, 6))])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    card = prepare_dataset(make_recipe(total_samples=None, val_ratio=0.0, max_bad_share=0.2))
    assert card.dropped == {IMAGE_TOO_LARGE: 1}
    assert card.counts["train"]["images"] == 4
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB; decoded it is 7.5 GB


def damage(path: Path, row_group: int, column: str) -> None:
    """Overwrite the middle of one column of one row group."""
    group = pq.read_metadata(path).row_group(row_group)
    chunk = next(
        group.column(number)
        for number in range(group.num_columns)
        if group.column(number).path_in_schema.startswith(column)
    )
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    data = bytearray(path.read_bytes())
    data[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    path.write_bytes(data)


@pytest.mark.parametrize("column", ["objects.bbox", "image.bytes"])
def test_a_damaged_row_group_costs_itself_alone(
    tmp_path: Path, make_row: Make, write_rows: Make, make_recipe: Make, column: str
) -> None:
    path = write_rows(
        tmp_path / "source/train-00000-of-00001.parquet", [make_row(i) for i in range(1000)], 10
    )
    damage(path, 41, column)
    recipe: PrepareRecipe = make_recipe(total_samples=None, val_ratio=0.0)
    card = prepare_dataset(recipe)
    assert card.dropped == {ROWS_DAMAGED: 10}
    written = {int(image.stem) for image in (tmp_path / "dataset/images").iterdir()}
    assert written == set(range(1000)) - set(range(410, 420))
    damage(path, 77, column)
    with pytest.raises(
        UserError, match=r"^20 of 1000 images looked at are damaged .*max_bad_share=0\.01"
    ) as caught:
        prepare_dataset(make_recipe(total_samples=None, val_ratio=0.0, output_dir=str(tmp_path / "other")))
    assert f"{path}, rows 410 to 419" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_images_fail_the_run_past_the_share(
    tmp_path: Path, make_row: Make, write_rows: Make, make_recipe: Make, png: Make
) -> None:
    broken = {"bytes": png(40, 20, "JPEG", quality=95)[:-30], "path": None}
    rows = [make_row(i, **({"image": broken} if i % 90 == 0 else {})) for i in range(1, 400)]
    path = write_rows(tmp_path / "source/train-00000-of-00001.parquet", rows)
    with pytest.raises(
        UserError, match=r"more than max_bad_share=0\.01 allows; the first: .*image does not dec"
    ):
        prepare_dataset(make_recipe(total_samples=None, val_ratio=0.0, max_bad_share=0.01))
    recipe = make_recipe(total_samples=None, val_ratio=0.0, max_bad_share=0.0101, overwrite=True)
    assert prepare_dataset(recipe).dropped == {IMAGE_DOES_NOT_DECODE: 4}
    assert path.exists()


def test_images_of_a_set_that_was_replaced_are_not_taken_for_checked(
    tmp_path: Path,
    make_row: Make,
    write_rows: Make,
    make_recipe: Make,
    png: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cut = {"bytes": png(40, 20, "JPEG", quality=95)[:-30], "path": None}
    write_rows(tmp_path / "source/train-00000-of-00001.parquet", [make_row(1, image=cut), make_row(2)])
    settings = {"total_samples": None, "val_ratio": 0.0, "max_bad_share": 0.5}
    assert prepare_dataset(make_recipe(**settings, verify="header")).dropped == {}

    def interrupted(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("prepare.pipeline.extract_images", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare_dataset(make_recipe(**settings, overwrite=True))
    assert prepare_dataset(make_recipe(**settings)).dropped == {IMAGE_DOES_NOT_DECODE: 1}
