import base64
import hashlib
import io
import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from grounding.errors import UserError
from grounding.views.view_mark import Views
from prepare.pipeline import prepare_dataset
from prepare.show.__main__ import main, show

Make = Callable[..., Any]


@pytest.fixture
def dataset(tmp_path: Path, make_row: Make, write_rows: Make, make_recipe: Make) -> Path:
    objects = [(1, [4.0, 2.0, 20.0, 10.0], 128.0)]
    rows = [make_row(i, objects=objects) for i in range(1, 31)]
    write_rows(tmp_path / "source/train-00000-of-00001.parquet", rows)
    prepare_dataset(make_recipe(total_samples=30, val_ratio=0.1, categories=["cat", "<b>杯子&"]))
    return tmp_path / "dataset"


def test_the_page_shows_what_the_model_sees(dataset: Path) -> None:
    page = show(dataset, limit=5, min_pixels=32 * 32, max_pixels=64 * 64).read_text(encoding="utf-8")
    assert len(re.findall("<article>", page)) == 5 + 3
    assert "train: 5 of 27 records" in page
    assert not re.search(r'(src|href)="(?!data:)', page)  # nothing is loaded from elsewhere
    svg = ElementTree.fromstring(re.findall(r"<svg.*?</svg>", page)[0])
    assert svg.attrib["viewBox"] == "0 0 32 32"  # 40x20, in whole tokens
    image, rectangle, label = svg
    data = base64.b64decode(image.attrib["href"].partition(",")[2])
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.size == (32, 32)
    # The box is a tenth to a half of either side.
    assert [float(rectangle.attrib[key]) for key in ("x", "y", "width", "height")] == [3.2, 3.2, 12.8, 12.8]
    assert label.text == "<b>杯子&"


def test_a_yes_no_record_is_shown_without_problems(dataset: Path) -> None:
    row = json.loads((dataset / "train.jsonl").read_text(encoding="utf-8").splitlines()[0])
    del row["objects"]
    row["messages"][1]["content"], row["messages"][2]["content"] = "<image>Is it right?", "No"
    (dataset / "val.jsonl").unlink()
    (dataset / "train.jsonl").write_text(json.dumps(row), encoding="utf-8")
    assert 'class="problem"' in show(dataset, limit=1).read_text(encoding="utf-8")
    (dataset / "train.jsonl").write_text(json.dumps(row | {"yes_no": "shifted"}), encoding="utf-8")
    page = show(dataset, limit=1).read_text(encoding="utf-8")
    assert 'class="problem"' not in page
    assert "Is it right?" in page
    assert "0 objects" in page


@pytest.mark.parametrize("show_as", ["blur", "text"])
def test_a_question_for_words_is_shown_with_what_it_is_about(dataset: Path, show_as: str) -> None:
    row = json.loads((dataset / "train.jsonl").read_text(encoding="utf-8").splitlines()[0])
    del row["objects"]
    row["messages"][2]["content"] = "the <big> cup"
    mark = {"box": [100, 0, 500, 1000], "show": show_as, "label": "cup", "phrases": ["the big cup", "it"]}
    (dataset / "val.jsonl").unlink()
    (dataset / "train.jsonl").write_text(json.dumps(row | {"region": mark}), encoding="utf-8")
    page = show(dataset, limit=1).read_text(encoding="utf-8")
    assert 'class="problem"' not in page
    assert (
        f"asks for words about [100, 0, 500, 1000] (cup) of , shown as {show_as}; true: the big cup | it"
        in page
    )
    assert page.count("<rect") == (show_as == "text")


def test_candidates_lie_under_the_objects_by_their_numbers(dataset: Path) -> None:
    row = json.loads((dataset / "train.jsonl").read_text(encoding="utf-8").splitlines()[0])
    mark = {"ask": "{candidates}", "boxes": [[0, 0, 500, 500], [100, 100, 1000, 1000]]}
    (dataset / "val.jsonl").unlink()
    (dataset / "train.jsonl").write_text(json.dumps(row | {"candidates": mark}), encoding="utf-8")
    page = show(dataset, limit=1, min_pixels=32 * 32, max_pixels=64 * 64).read_text(encoding="utf-8")
    _, *parts = ElementTree.fromstring(re.findall(r"<svg.*?</svg>", page)[0])
    boxes, texts = parts[::2], [part.text for part in parts[1::2]]
    assert texts == ["#1", "#2", "<b>杯子&"]
    assert ["stroke-dasharray" in box.attrib for box in boxes] == [True, True, False]
    assert [float(box.attrib["width"]) for box in boxes] == [16, 28.8, 12.8]
    first, _, named = parts[1::2]
    assert float(boxes[0].attrib["stroke-dasharray"]) == 6 * 32 / 320 / 2  # half as thick as an object's line
    assert float(first.attrib["font-size"]) < float(named.attrib["font-size"])
    lower = float(boxes[0].attrib["y"]) + float(boxes[0].attrib["height"])
    assert float(first.attrib["y"]) == pytest.approx(lower, abs=0.2)
    assert float(first.attrib["x"]) > 16 / 2  # the number stands in the lower right corner
    assert "1 objects" in page


def test_views_are_small_and_without_candidates(dataset: Path) -> None:
    row = json.loads((dataset / "train.jsonl").read_text(encoding="utf-8").splitlines()[0])
    mark = {"ask": "{candidates}", "boxes": [[0, 0, 500, 500]]}
    views = Views.introduced([(0, 0, 500, 500)], "Find")
    user = next(turn for turn in row["messages"] if turn["role"] == "user")
    user["content"] = views.add_to(user["content"])
    shown = {"candidates": mark, "views": views.as_json(), "images": row["images"] * 2}
    (dataset / "val.jsonl").unlink()
    (dataset / "train.jsonl").write_text(json.dumps(row | shown), encoding="utf-8")
    page = show(dataset, limit=1, min_pixels=32 * 32, max_pixels=64 * 64).read_text(encoding="utf-8")
    assert ["#1" in picture for picture in re.findall(r"<svg.*?</svg>", page)] == [True, False]
    assert ['class="view"' in picture for picture in re.findall(r"<svg[^>]*>", page)] == [False, True]
    assert page.count("a view of image 1") == 1
    assert page.count(row["images"][0]) == 1  # a view's file is not named


def test_a_browser_runs_and_fetches_nothing_for_the_page(dataset: Path) -> None:
    page = show(dataset, limit=1).read_text(encoding="utf-8")
    [style] = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    [policy] = re.findall('<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page)
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert page.index("Content-Security-Policy") < page.index("<style>")
    assert " style=" not in page


def test_the_text_is_that_of_training_with_its_tokens(dataset: Path) -> None:
    page = show(dataset, limit=1).read_text(encoding="utf-8")
    text = re.sub("<[^>]+>", "", re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)[0])
    assert text == (
        "&lt;|im_start|&gt;system\nYou are a helpful assistant.&lt;|im_end|&gt;\n"
        "&lt;|im_start|&gt;user\n&lt;|vision_start|&gt;&lt;|image_pad|&gt; × 72&lt;|vision_end|&gt;"
        "Task: Object Detection&lt;|im_end|&gt;\n&lt;|im_start|&gt;assistant\n"
        "&lt;|object_ref_start|&gt;&lt;b&gt;杯子&amp;&lt;|object_ref_end|&gt;"
        "&lt;|box_start|&gt;(100,100),(500,500)&lt;|box_end|&gt;&lt;|im_end|&gt;\n"
    )


def test_the_command(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(dataset), "--limit", "2"]) == 0
    assert capsys.readouterr().out == f"{dataset / 'show.html'}\n"
    with pytest.raises(UserError, match="--min-pixels 9"):
        main([str(dataset), "--min-pixels", "9", "--max-pixels", "8"])


def test_a_missing_image_is_one_line(dataset: Path) -> None:
    for path in (dataset / "images").iterdir():
        path.unlink()
    with pytest.raises(UserError, match=r"train\.jsonl, line 1: .*prepare\.check"):
        show(dataset, limit=1)
