import json
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from grounding.predictions.question_pictures import AnnotatedImages, read_question_pictures


def write(folder: Path, *shown: tuple[str, ...], later: tuple[str, ...] = ()) -> dict[str, Any]:
    """Write records that show these images, and return annotations of them, ids counted from 1."""
    rows = [
        {
            "messages": [
                {"role": "user", "content": "<image>" * len(names) + "?"},
                {"role": "assistant", "content": "a"},
                {"role": "user", "content": "<image>" * len(later) + "?"},
                {"role": "assistant", "content": "a"},
            ],
            "images": [*names, *later],
        }
        for names in shown
    ]
    (folder / "val.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    names = [name for group in shown for name in group]
    return {
        "images": [
            {"id": number, "file_name": name, "width": 4, "height": 3}
            for number, name in enumerate(names, start=1)
        ]
    }


def test_images_of_one_record_are_one_question(tmp_path: Path) -> None:
    annotations = write(tmp_path, ("a.png", "b.png"), ("b.png",), ("a.png", "a.png", "c.png"))
    assert read_question_pictures(tmp_path, annotations) == [(1, 2), (3,), (4, 5, 6)]


def test_images_of_later_turns_have_no_entry(tmp_path: Path) -> None:
    annotations = write(tmp_path, ("a.png", "b.png"), ("c.png",), later=("d.png",))
    assert read_question_pictures(tmp_path, annotations) == [(1, 2), (3,)]


def test_each_image_stands_alone_where_records_do_not_say_otherwise(tmp_path: Path) -> None:
    annotations = write(tmp_path, ("a.png",), ("b.png",))
    assert read_question_pictures(tmp_path, annotations) == [(1,), (2,)]
    others = write(tmp_path, ("a.png", "b.png"))
    more = {"images": [*others["images"], {"id": 9, "file_name": "c.png", "width": 1, "height": 1}]}
    assert read_question_pictures(tmp_path, more) == [(1,), (2,), (9,)]
    (tmp_path / "val.jsonl").unlink()
    assert read_question_pictures(tmp_path, annotations) == [(1,), (2,)]


def test_a_row_that_is_no_record_is_named(tmp_path: Path) -> None:
    annotations = write(tmp_path, ("a.png", "b.png"))
    path = tmp_path / "val.jsonl"
    path.write_text(path.read_text(encoding="utf-8") + '{"images": 3}\n', encoding="utf-8")
    with pytest.raises(UserError, match="line 2: not a training record"):
        read_question_pictures(tmp_path, annotations)


def test_the_last_entry_of_a_file_stays() -> None:
    entries = [{"id": number, "file_name": "x/a.png", "width": 4, "height": 3} for number in (5, 6)]
    known = AnnotatedImages({"images": entries})
    assert [(known.take(name) or (None,))[0] for name in ("x/a.png", "a.png", "a.png", "b.png")] == [
        5, 6, 6, None,
    ]  # fmt: skip
