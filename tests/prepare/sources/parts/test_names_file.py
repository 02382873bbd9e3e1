"""Names files: every value is the text that is written."""

from pathlib import Path

import pytest

from grounding.errors import UserError
from prepare.sources.parts.names_file import find_names_file, read_key_points, read_names, read_names_file


def names_in(path: Path) -> list[str]:
    return [category.name for category in read_names(read_names_file(path)["names"], path, 100)]


@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("text", ["[off, on, no, yes, 007, 1.0, 1e3]", "\n  0: off\n  1: on\n  2: no\n"])
def test_words_of_yaml_stay_names(tmp_path: Path, text: str, bom: str) -> None:
    path = tmp_path / "data.yaml"
    path.write_bytes(f"{bom}names: {text}\r\n".encode())
    assert names_in(path)[:3] == ["off", "on", "no"]
    assert names_in(path)[3:] in ([], ["yes", "007", "1.0", "1e3"])


@pytest.mark.parametrize("name", ["classes.txt", "obj.names"])
def test_a_list_of_names_and_the_usual_places(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes("\ufeffcat\r\nno\r\n".encode())
    (tmp_path / "images/train").mkdir(parents=True)
    assert find_names_file(tmp_path) == tmp_path / name
    assert names_in(tmp_path / name) == ["cat", "no"]
    assert read_names_file(tmp_path / name)["train"] == "images/train"


def test_a_name_twice_or_a_key_twice(tmp_path: Path) -> None:
    path = tmp_path / "data.yaml"
    for text, message in (
        ("names: [cat, cat]", "empty or repeated"),
        ("names: ['', cat]", "empty or repeated"),
        ("names: [a]\nnames: [b]", "line 2: names is there twice"),
    ):
        path.write_text(text)
        with pytest.raises(UserError, match=message):
            names_in(path)


def test_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "data.yaml"
    path.write_bytes("names: [猫, 狗]".encode("gbk"))
    with pytest.raises(UserError, match="not UTF-8, perhaps GBK: convert the file"):
        read_names_file(path)


@pytest.mark.parametrize("shape", ["[17]", "[17, 4]", "[0, 2]", "x", "[a, b]"])
def test_a_shape_of_key_points_that_is_none(tmp_path: Path, shape: str) -> None:
    path = tmp_path / "data.yaml"
    path.write_text(f"names: [a]\nkpt_shape: {shape}\n")
    with pytest.raises(UserError, match="kpt_shape"):
        read_key_points(read_names_file(path), path)
