"""Folders from strangers for prepare.inspect: one line, exit code 2, and nothing outside is opened."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from grounding.errors import UserError
from prepare.inspect.candidates import choose_candidate, find_candidates
from prepare.inspect.inspection import Plan, inspect_folder
from prepare.sources.signs import folder_listing
from prepare.sources.signs.folder_listing import list_folder
from tests.prepare.sources.small_sources import SOURCES, picture

ROOT = Path(__file__).parents[2]
SUFFIXES = (".json", ".jsonl", ".xml", ".csv", ".yaml", ".txt", ".p", ".parquet", ".jpg")


def refusal(folder: Path) -> str:
    """Return the only line on standard error of the command, which ends with exit code 2."""
    recipe = folder.parent / "o.yaml"
    command = [sys.executable, "-m", "prepare.inspect", str(folder), "--recipe", str(recipe)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not recipe.exists()
    return ended.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


def test_no_folder_and_an_empty_one(folder: Path) -> None:
    assert "no such folder" in refusal(folder / "absent")
    assert "no annotations that are known; it is empty" in refusal(folder)


def test_pictures_without_annotations(folder: Path) -> None:
    for number in range(3):
        (folder / f"{number}.png").write_bytes(picture(number))
    assert "there are 3 files (3 .png), of which 3 are images" in refusal(folder)


def test_pipes_are_never_opened(folder: Path) -> None:
    for suffix in SUFFIXES:
        os.mkfifo(folder / f"data{suffix}")
    os.mkfifo(folder / "classes.txt")
    assert "10 are pipes or devices" in refusal(folder)


def test_links_out_of_the_folder_are_never_followed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = folder.parent / "outside"
    SOURCES["yolo"][1](SOURCES["yolo"][0](), outside)
    (outside / "a.json").write_text('{"shapes": [], "imagePath": "x"}')
    (folder / "linked").symlink_to(outside)
    (folder / "circle").symlink_to(folder)
    for name in ("data.yaml", "a.json"):
        (folder / name).symlink_to(outside / name)
    opened: list[Path] = []
    read = folder_listing._read
    monkeypatch.setattr(folder_listing, "_read", lambda path, start: opened.append(path) or read(path, start))
    listing = list_folder(folder)
    assert (listing.files, set(listing.leaving)) == ((), {"linked", "data.yaml", "a.json"})
    with pytest.raises(UserError, match="3 links leave the folder and were not followed"):
        choose_candidate(find_candidates(listing), {}, listing)
    assert opened == []


def test_a_link_inside_the_folder_counts(folder: Path) -> None:
    (folder / "real.json").write_text('{"shapes": [], "imagePath": "x"}')
    (folder / "link.json").symlink_to(folder / "real.json")
    assert list_folder(folder).files == ("link.json", "real.json")


def test_ten_thousand_files_of_nothing(folder: Path) -> None:
    for number in range(10_000):
        (folder / f"{number}{SUFFIXES[number % 6]}").write_text("{}")
    assert "there are 10,000 files" in refusal(folder)


def test_few_of_many_files_are_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3_000):
        place = folder / str(number % 300)
        place.mkdir(exist_ok=True)
        (place / f"{number}.json").write_text("{}")
    opened: list[Path] = []
    read = folder_listing._read
    monkeypatch.setattr(folder_listing, "_read", lambda path, start: opened.append(path) or read(path, start))
    find_candidates(list_folder(folder))
    assert 0 < len(opened) <= folder_listing.MOST_LOOKED_AT


def test_files_of_a_gigabyte_are_read_in_pieces(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heads = {
        **dict.fromkeys(("a.json", "a.jsonl"), b'[{"a": "'),
        **{"a.xml": b"<annotation>", "a.csv": b"a,b", "a.yaml": b"names: [", "a.txt": b"0 0.5"},
    }
    for name, head in heads.items():
        with (folder / name).open("wb") as file:
            file.write(head)
            file.truncate(1 << 30)
    pieces: list[int] = []
    read = folder_listing._read
    monkeypatch.setattr(
        folder_listing, "_read", lambda path, start: pieces.append(len(found := read(path, start))) or found
    )
    find_candidates(list_folder(folder))
    assert sum(pieces) <= 16 * folder_listing.HEAD


@pytest.mark.parametrize("text", ["[" * 60_000, '{"a":' * 10_000, "[" * 60_000 + "]" * 60_000])
@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "metadata.jsonl"])
def test_deep_json(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    listing = list_folder(folder)
    with pytest.raises(UserError, match="no annotations that are known"):
        choose_candidate(find_candidates(listing), {}, listing)


def test_entities_in_xml(folder: Path) -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 30))
    (folder / "a.xml").write_text(f'<!DOCTYPE x [<!ENTITY e0 "x">{entities}]><annotation>&e29;</annotation>')
    assert find_candidates(list_folder(folder)) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_bytes_of_no_format(folder: Path, suffix: str) -> None:
    (folder / f"a{suffix}").write_bytes(bytes(range(256)) * 64)
    assert find_candidates(list_folder(folder)) == []


def test_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(bytes(tmp_path) + b"/caf\xe9"))
    SOURCES["yolo"][1](SOURCES["yolo"][0](), folder)
    with pytest.raises(UserError, match="UTF-8: rename the folder"):
        inspect_folder(Plan(folder, tmp_path / "out.yaml"), (), lambda text: None)


def test_control_characters_in_names_reach_no_terminal_and_no_recipe(folder: Path) -> None:
    content = SOURCES["yolo"][0]()
    content["data"]["names"] = ["cat\x1b[31m", "dog\nseed: 7"]
    SOURCES["yolo"][1](content, folder / "set")
    recipe = folder.parent / "out.yaml"
    command = [sys.executable, "-m", "prepare.inspect", str(folder / "set"), "--recipe", str(recipe)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert "\x1b[" not in ended.stdout + ended.stderr.replace("\x1b[A", "")
    if ended.returncode == 0:
        assert "\nseed" not in recipe.read_text()
        assert "\x1b" not in recipe.read_text()


@pytest.mark.parametrize("way", ["path", "link", "link further down", "list"])
def test_a_names_file_below_gets_no_permission_to_leave_the_folder(folder: Path, way: str) -> None:
    outside = folder.parent / "outside"
    SOURCES["yolo"][1](SOURCES["yolo"][0](), outside)
    (folder / "cfg").mkdir()
    (folder / "pets").mkdir()
    if way == "link":
        (folder / "pets/images").symlink_to(outside / "images")
    elif way == "link further down":
        SOURCES["yolo"][1](SOURCES["yolo"][0](), folder / "pets/set")
        (folder / "pets/set/images").rename(folder / "pets/images")
        (folder / "pets/images/linked").symlink_to(outside / "images")
    elif way == "list":
        (folder / "pets/images").write_text(f"{outside}/images/0.png\n")
    place = "../../outside" if way == "path" else "../pets"
    (folder / "cfg/data.yaml").write_text(f"path: {place}\ntrain: images\nnames: [cat, dog]\n")
    (folder / "pets/set/data.yaml").unlink(missing_ok=True)
    (sign,) = find_candidates(list_folder(folder))
    assert "source.outside" not in sign.keys
    assert "set source.outside=true" in refusal(folder)
