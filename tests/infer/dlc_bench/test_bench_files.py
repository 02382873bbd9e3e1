import json
from pathlib import Path
from typing import Any

import pytest

from grounding.boxes import Box
from grounding.errors import UserError
from infer.dlc_bench.bench_files import read_bench
from tests.infer.dlc_bench.small_bench import COLOUR, HAT, NAMES, QUESTIONS, write_bench


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    return write_bench(tmp_path / "bench")


def change(path: Path, key: str, value: Any) -> None:
    content = json.loads(path.read_text())
    content[key] = value
    path.write_text(json.dumps(content))


def test_the_regions_with_questions_are_read_in_the_order_of_annotations(bench: Path) -> None:
    regions = read_bench(bench)
    assert [region.key for region in regions] == list(NAMES)
    assert [len(region.questions) for region in regions] == [len(one) for one in QUESTIONS.values()]
    assert regions[0].box == Box(5, 5, 15, 20)
    assert regions[3].picture == bench / "images" / "b.png"
    assert regions[0].questions[1].points == (0, 0.5, 1)


@pytest.mark.parametrize(
    ("file", "key", "value", "message"),
    [
        ("qa", "99", [COLOUR], "annotations.json has no annotation '99'"),
        ("qa", "11", {}, "annotation 11: not a list of questions"),
        ("qa", "11", [HAT], "annotation 11: no question of type positive"),
        ("qa", "11", [COLOUR, 5], "annotation 11, question 2"),
        ("qa", "11", [{**COLOUR, "type": "other"}], "type is 'other', not positive or negative"),
        ("qa", "11", [{**COLOUR, "choices": [["a", 1]]}], "choices are not 2 to 5"),
        ("qa", "11", [{**COLOUR, "choices": [["a", 1], ["b", 2]]}], "points -1 to 1"),
        ("qa", "11", [{**COLOUR, "choices": [["a", 1], ["b"]]}], "choices are not"),
        ("qa", "11", [{**COLOUR, "choices": [["a", 1], [5, 0]]}], "choices are not"),
        ("qa", "11", [{"question": "x"}], "question 1"),
        ("class_names", "11", " ", "class_names.json: no name for annotation 11"),
        ("class_names", "11", 5, "no name for annotation 11"),
        ("annotations", "images", [], "annotation 11: no picture"),
        ("annotations", "images", [{"id": 1, "file_name": "../qa.json"}], "no picture"),
        ("annotations", "images", [{"id": 1, "file_name": "none.png"}], "no picture"),
        ("annotations", "annotations", 5, "annotations"),
    ],
)
def test_other_content_is_one_line_with_its_place(
    bench: Path, file: str, key: str, value: Any, message: str
) -> None:
    change(bench / f"{file}.json", key, value)
    with pytest.raises(UserError) as caught:
        read_bench(bench)
    assert message in str(caught.value)
    assert str(bench) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["annotations.json", "qa.json", "class_names.json"])
def test_a_missing_file_is_named(bench: Path, name: str) -> None:
    (bench / name).unlink()
    with pytest.raises(UserError, match=name):
        read_bench(bench)


def test_files_of_another_kind_are_refused(bench: Path) -> None:
    (bench / "qa.json").write_text("[]")
    with pytest.raises(UserError, match="not an object by the ids of annotations"):
        read_bench(bench)
    (bench / "qa.json").write_text("{}")
    with pytest.raises(UserError, match="no question in it"):
        read_bench(bench)
