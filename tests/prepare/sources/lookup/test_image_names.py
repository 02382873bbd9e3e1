"""The files that names stand for."""

from pathlib import Path

import pytest

from grounding.errors import UserError
from prepare.sources.lookup.image_names import resolve_names


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"image")


def resolve(folder: Path, *names: str) -> list[str]:
    found = resolve_names(names, [folder / "images", folder], folder, "list.json", lambda paths: None)
    return [path.relative_to(folder).as_posix() for path in found]


def test_the_first_place_with_one_of_them_counts_for_all(tmp_path: Path) -> None:
    write(tmp_path, "images/a.jpg", "b.jpg")
    assert resolve(tmp_path, "a.jpg", "c.jpg") == ["images/a.jpg", "images/c.jpg"]


def test_a_name_that_fits_two_files_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "x/a.jpg", "y/a.jpg")
    with pytest.raises(UserError, match=r"list.json: 'D:\\a.jpg' can be .*x/a.jpg or .*y/a.jpg"):
        resolve(tmp_path, "D:\\a.jpg")


def test_two_names_for_one_file_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "deep/a.jpg")
    with pytest.raises(UserError, match=r"'/1/a\.jpg' and '/2/a\.jpg' both fit"):
        resolve(tmp_path, "/1/a.jpg", "/2/a.jpg")


def test_names_in_one_place_take_no_files_of_others(tmp_path: Path) -> None:
    write(tmp_path, "images/siteA/1.jpg", "images/siteB/2.jpg")
    assert resolve(tmp_path, "siteA/1.jpg", "siteA/2.jpg") == ["images/siteA/1.jpg", "images/siteA/2.jpg"]


@pytest.mark.parametrize("name", ["", "/", ".", "..", "\\"])
def test_what_is_no_files_name_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, "images/a.jpg")
    with pytest.raises(UserError, match="is not the path of an image file"):
        resolve(tmp_path, "a.jpg", name)


def test_nothing_found_names_the_places(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none of its images is in .*images, .*set source.images"):
        resolve(tmp_path, "a.jpg")
