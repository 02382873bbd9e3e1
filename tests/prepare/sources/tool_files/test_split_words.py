import os
from pathlib import Path

import pytest

from grounding.errors import UserError
from prepare.sources.source_settings import SourceSettings
from prepare.sources.tool_files.split_words import find_split_files
from prepare.split_of_name import split_of


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("train/0.json", "train"),
        ("instances_val2017.json", "val"),
        ("validation-annotations-bbox.csv", "val"),
        ("VisDrone2019-DET-test-dev/annotations/0.txt", "test"),
        ("retrieval/medieval/0.json", None),
        ("trainers/0.json", None),
        ("Valid/train_7.json", "val"),
    ],
)
def test_whole_words_alone_name_a_split(text: str, split: str | None) -> None:
    assert split_of(text) == split


@pytest.mark.parametrize(
    ("names", "train", "val", "left"),
    [
        ("train/a.json val/b.json test/c.json d.json", "train/a.json", "val/b.json", 2),
        ("train/a.json test/c.json", "train/a.json", "", 1),
        ("train/a.json bus/b.json", "bus/b.json train/a.json", "", 0),
        ("a.json val/b.json", "a.json", "val/b.json", 0),
        ("val/b.json", "val/b.json", "", 0),
        ("test/b.json a.json", "a.json test/b.json", "", 0),
    ],
)
def test_splits(names: str, train: str, val: str, left: int, tmp_path: Path) -> None:
    for name in names.split():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    settings = SourceSettings(kind="labelme", path=str(tmp_path))
    files, lost = find_split_files(settings, tmp_path, "**/*.json")
    found = {
        split: " ".join(os.path.relpath(path, tmp_path) for path in paths) for split, paths in files.items()
    }
    assert found == {"train": train, "val": val}
    assert sum(each.images for _, each in lost) == left


def test_no_file_names_the_pattern(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    settings = SourceSettings(kind="labelme", path=str(tmp_path))
    with pytest.raises(
        UserError, match=r"no file in .* is '\*\*/\*\.json' of source\.kind=labelme; there are 1"
    ):
        find_split_files(settings, tmp_path, "**/*.json")
