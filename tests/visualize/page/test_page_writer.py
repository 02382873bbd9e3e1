import json
import re

import numpy as np
import pytest
from PIL import ExifTags, Image

from grounding.predictions.outcomes import Outcome
from tests.visualize.samples import (
    SEVERAL,
    prediction,
    several_prediction,
    write_lines,
    write_run,
    write_several,
)
from visualize.__main__ import main
from visualize.draw.colors import PALETTE
from visualize.draw.marks import OUTCOME_COLORS
from visualize.page.page_folder import ASSETS, SCRIPT_ORDER, SCRIPTS
from visualize.page.page_writer import HARD_NOTE


def content_of(folder):
    script = (folder / "data.js").read_text(encoding="utf-8")
    before, _, rest = script.partition(" = ")
    assert before == "window.PAGE_DATA"
    return json.loads(rest.removesuffix(";\n"))


def write(*words):
    assert main(["page", *map(str, words)]) == 0


def test_the_folder_holds_all_that_the_page_needs(run, capsys):
    write(run)
    assert capsys.readouterr().out == f"{run / 'page' / 'index.html'}: 3 images\n"
    folder = run / "page"
    assert sorted(path.name for path in folder.iterdir()) == [
        "data.js", "fonts.css", "images", "index.html", "page.css", "page.js",
    ]  # fmt: skip
    assert [image["file"] for image in content_of(folder)["images"]] == [
        path.name for path in sorted((folder / "images").iterdir())
    ]
    for asset in ("index.html", "page.css", "page.js"):
        text = (folder / asset).read_text(encoding="utf-8")
        assert "http://www.w3.org/2000/svg" in text or "//" not in text.replace("// ", "")
        assert "innerHTML" not in text
    assert not list(run.glob(".page*"))


def test_each_image_has_truth_outcomes_answer_and_problems(run, dataset):
    found = [
        {"label": "circle", "box": [8, 8, 28, 28], "score": 0.25, "description": "a <b> circle"},
        {"label": "<i>", "box": [40.04, 8, 60, 30], "score": None},
    ]
    rows = [prediction(7), prediction(3, raw="<b>\u2028", detections=found, problems=["truncated"])]
    write_lines(run / "predictions.jsonl", rows)
    write(run)
    content = content_of(run / "page")
    names, outcomes = content["labels"], [name for name, _, _ in content["outcomes"]]
    assert names == ["方块", "circle", "<i>"]
    assert outcomes == [outcome.value for outcome in Outcome]
    assert content["outcomes"][0][1:] == [
        "#{:02x}{:02x}{:02x}".format(*OUTCOME_COLORS[Outcome(outcomes[0])]),
        "#000000",
    ]
    assert len(content["palette"]) == len(PALETTE)
    first, second = content["images"]
    assert (first["name"], first["id"], first["size"]) == ("images/7.png", 7, [64, 48])
    assert first["answers"][0]["agreement"] == 1
    [answer] = second["answers"]
    assert (answer["raw"], answer["problems"], answer["readable"]) == ("<b>\u2028", ["truncated"], True)
    assert answer["descriptions"] == [[1, "a <b> circle"]]
    assert "descriptions" not in first["answers"][0]
    wrong, false = answer["objects"]
    assert [wrong[0], *wrong[2:]] == [1, 8, 8, 28, 28, 0.25, outcomes.index("wrong label"), 1, 0]
    assert [false[0], *false[2:]] == [2, 40, 8, 60, 30, None, outcomes.index("false positive"), 0, None]
    assert answer["agreement"] == 0
    assert second["truth"][0][2:] == [8, 8, 28, 28]


def test_candidates_and_the_number_of_views_stand_beside_the_answers(run, dataset):
    candidates = {"ask": "{candidates}", "boxes": [[0, 0, 250, 500], [500, 500, 1000, 1000]]}
    views = {"regions": [[0, 0, 500, 500], [500, 0, 1000, 500]], "text": "<image>" * 3}
    write_lines(run / "predictions.jsonl", [prediction(7, candidates=candidates), prediction(3, views=views)])
    write(run)
    first, second = (image["answers"][0] for image in content_of(run / "page")["images"])
    assert (first["candidates"], second["views"]) == ([[0, 0, 16, 24], [32, 24, 64, 48]], 2)
    assert "views" not in first
    assert "candidates" not in second


def test_scores_stand_side_by_side_where_there_are_any(run, dataset, tmp_path):
    write_run(tmp_path / "other", dataset, [prediction(5)])
    (run / "scores.json").write_text(json.dumps({"AP": 0.25, "truncated": 0.5, "images": 3, "new": 0.5}))
    write(f"before={tmp_path / 'other'}", f"after={run}")
    content = content_of(run / "page")
    assert [each["name"] for each in content["runs"]] == ["before", "after"]
    assert [(row["key"], row["texts"], row["sign"]) for row in content["metrics"]] == [
        ("AP", ["-", "25.0%"], 1),
        ("truncated", ["-", "50.0%"], -1),
        ("images", ["-", "3"], 1),
        ("new", ["-", "50.0%"], 1),
    ]
    assert [image["id"] for image in content["images"]] == [5]


def test_scores_by_kind_are_tables_with_a_column_for_each_run(run, dataset, tmp_path, capsys):
    write_run(tmp_path / "other", dataset, [prediction(5)])
    row = {"images": 2, "objects": 3, "AP": 0.5, "recall_50": 1.0, "f1_50": None, "intervals": {"AP": [0, 1]}}
    (run / "scores.json").write_text(json.dumps({"AP": 0.5, "by_kind": {"object size": {"small": row}}}))
    write(run)
    assert content_of(run / "page")["kinds"] == [
        {
            "name": "object size",
            "header": ["images", "objects", "AP", "recall_50"],
            "rows": [["small", "2", "3", "50.0%", "100.0%"]],
        }
    ]
    write(f"before={tmp_path / 'other'}", f"after={run}")
    [table] = content_of(run / "page")["kinds"]
    assert table["header"][2:4] == ["AP before", "AP after"]
    assert table["rows"] == [["small", "2", "3", "-", "50.0%", "-", "100.0%"]]
    (run / "scores.json").write_text('{"AP": 0.5, "by_kind": {"object size": 3}}')
    assert main(["page", str(run)]) == 2
    assert f"error: {run / 'scores.json'}: by_kind: object size" in capsys.readouterr().err


def test_images_are_copied_or_made_fit_for_a_browser(run, dataset):
    large = Image.fromarray(np.zeros((1000, 2000, 3), np.uint8))
    turned = Image.new("RGB", (64, 48))
    turned.getexif()[ExifTags.Base.Orientation] = 6
    turned.save(dataset / "images" / "3.png", exif=turned.getexif())
    large.save(dataset / "images" / "5.png")
    path = dataset / "annotations_val.json"
    annotations = json.loads(path.read_text(encoding="utf-8"))
    annotations["images"][1].update(width=48, height=64)
    annotations["images"][2].update(width=2000, height=1000)
    path.write_text(json.dumps(annotations), encoding="utf-8")
    write(run)
    images = content_of(run / "page")["images"]
    folder = run / "page" / "images"
    assert (folder / images[0]["file"]).read_bytes() == (dataset / "images" / "7.png").read_bytes()
    with Image.open(folder / images[1]["file"]) as shown:
        assert (shown.size, shown.getexif().get(ExifTags.Base.Orientation)) == ((48, 64), None)
    assert images[1]["size"] == [48, 64]
    assert images[1]["truth"][0][2:] == [8, 8, 28, 28]
    with Image.open(folder / images[2]["file"]) as shown:
        assert (shown.size, shown.format) == ((1280, 640), "JPEG")
    assert images[2]["size"] == [2000, 1000]


@pytest.mark.parametrize("mode", ["CMYK", "I;16", "P"])
def test_an_image_that_browsers_show_otherwise_is_written_anew(run, dataset, mode):
    name, kind = ("images/7.tif", "TIFF")
    Image.new(mode, (64, 48)).save(dataset / name, kind)
    write_lines(run / "predictions.jsonl", [prediction(7, image=name)])
    write(run)
    [image] = content_of(run / "page")["images"]
    with Image.open(run / "page" / "images" / image["file"]) as shown:
        assert (shown.format, shown.mode) == ("JPEG", "RGB")


def test_an_older_page_is_replaced_and_the_same_command_writes_the_same_bytes(run):
    write(run)
    first = {path.name: path.read_bytes() for path in (run / "page").rglob("*") if path.is_file()}
    (run / "page" / "images" / "stray.png").write_bytes(b"")
    write(run)
    assert {path.name: path.read_bytes() for path in (run / "page").rglob("*") if path.is_file()} == first
    write(run, "--limit", "1")
    assert len(list((run / "page" / "images").iterdir())) == 1


def test_a_folder_with_other_files_is_left_alone(run, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    assert main(["page", str(run), "--output", str(tmp_path / "mine")]) == 2
    assert "holds other files" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]
    (tmp_path / "empty").mkdir()
    write(run, "--output", tmp_path / "empty")
    assert (tmp_path / "empty" / "index.html").is_file()


def test_a_page_that_fails_leaves_the_older_one_and_nothing_else(run, dataset, capsys):
    write(run)
    (dataset / "images" / "5.png").unlink()
    assert main(["page", str(run)]) == 2
    assert "5.png: no such image" in capsys.readouterr().err
    assert len(content_of(run / "page")["images"]) == 3
    assert not list(run.glob(".page*"))


def test_images_that_not_every_run_predicted_are_counted(run, dataset, tmp_path, capsys):
    write_run(tmp_path / "other", dataset, [prediction(5), prediction(7)])
    write(f"a={run}", f"b={tmp_path / 'other'}")
    assert "2 images, 1 left out because not every run predicted them" in capsys.readouterr().out


def test_the_page_holds_every_asset_and_every_script_once(run):
    write(run)
    assert sorted(path.name for path in ASSETS.iterdir()) == ["index.html", "page.css"]
    parts = sorted(SCRIPTS.iterdir())
    assert [path.name for path in parts] == sorted(f"{name}.js" for name in SCRIPT_ORDER)
    script = (run / "page" / "page.js").read_text(encoding="utf-8")
    for part in parts:
        assert script.count(part.read_text(encoding="utf-8")) == 1
    names = re.findall(r"^(?:function|const) (\w+)", script, re.MULTILINE)
    assert len(names) == len(set(names)) > 40
    assert script.splitlines()[1] == '"use strict";'


def test_the_images_that_changed_most_make_a_page_of_their_own(run, dataset, tmp_path, capsys):
    moved = [prediction(3, (8, 8, 26, 28)), prediction(7), prediction(5)]
    write_run(tmp_path / "after", dataset, moved)
    assert main(["compare", f"before={run}", f"after={tmp_path / 'after'}"]) == 0
    folder = tmp_path / "after" / "changes"
    assert capsys.readouterr().out == f"{folder / 'index.html'}: 2 images, largest change first\n"
    assert content_of(folder)["order"] == "changed most"
    images = content_of(folder)["images"]
    assert [image["id"] for image in images] == [5, 3]  # wrong to right, a little worse; 7 is the same
    assert [answer["agreement"] for answer in images[0]["answers"]] == [0, 1]
    assert len(list((folder / "images").iterdir())) == 2


def test_what_cannot_have_changed_is_an_error(run, dataset, tmp_path, capsys):
    assert main(["compare", str(run)]) == 2
    assert "name two" in capsys.readouterr().err
    assert main(["compare", f"a={run}", f"b={run}"]) == 2
    assert "do not differ on any image" in capsys.readouterr().err
    assert not (run / "changes").exists()


def test_the_page_of_hard_questions_shows_the_worst_first_and_says_why(mined, capsys):
    assert main(["hard", str(mined), "--limit", "3"]) == 0
    index = mined / "page" / "index.html"
    assert capsys.readouterr().out == f"{index}: 3 questions, the hardest first\n"
    content = content_of(mined / "page")
    assert (content["order"], content["note"]) == ("hardest", HARD_NOTE)
    assert [image["name"][-5] for image in content["images"]] == ["2", "1", "5"]
    assert content["images"][0]["question"].endswith("dog: wrong label 2")
    outcomes = [Outcome(outcome[0]) for outcome in content["outcomes"]]
    judged = [[outcomes[item[7]] for item in answer["objects"]] for answer in content["images"][0]["answers"]]
    assert judged == [[Outcome.WRONG_LABEL]] * 2
    assert len(list((mined / "page" / "images").iterdir())) == 3
    assert main(["hard", str(mined), "--output", str(mined / "images")]) == 2
    assert "holds other files than a page" in capsys.readouterr().err


def test_a_page_of_runs_has_no_note(run):
    write(run)
    assert content_of(run / "page")["note"] == ""


def test_words_stand_beside_what_is_true_of_their_region(run, dataset, tmp_path, capsys):
    mark = {"box": [125, 250, 500, 750], "show": "blur", "label": "方块", "phrases": ["the square", "it"]}
    stated = mark | {"show": "text", "label": None, "image": "images/7.png"}
    shown = {"detections": [], "raw": "a square", "image": "images/7.png"}
    drawn_row = prediction(100, **shown, region=mark)
    words = [drawn_row, prediction(101, **shown, region=stated, problems=["truncated"])]
    write_lines(run / "predictions.jsonl", [prediction(7), *words])
    write(run)
    assert "1 images and 2 questions for words" in capsys.readouterr().out
    first, drawn, text = content_of(run / "page")["images"]
    assert "words" not in first
    assert (drawn["id"], drawn["name"], drawn["size"]) == (100, "images/7.png, shown as blur", [64, 48])
    assert drawn["words"] == {"true": ["the square", "it"], "label": "方块", "box": None}
    assert text["words"] == {"true": ["the square", "it"], "label": None, "box": [8, 12, 32, 36]}
    assert drawn["answers"] == [
        {"raw": "a square", "problems": [], "readable": True, "agreement": None, "objects": [], "exact": True}
    ]
    assert text["answers"][0]["problems"] == ["truncated"]
    assert [image["file"] for image in (first, drawn, text)] == [
        path.name for path in sorted((run / "page" / "images").iterdir())
    ]
    write_lines(run / "predictions.jsonl", [prediction(7), words[0] | {"image": "../../secret.png"}])
    assert main(["page", str(run)]) == 2


def test_a_run_of_words_alone_has_a_page_with_its_scores(run, tmp_path, dataset, capsys):
    """A user who trains from boxes to words has no questions about boxes."""
    mark = {"box": [125, 250, 500, 750], "show": "blur", "label": "方块", "phrases": ["the square"]}
    shown = {"detections": [], "image": "images/7.png", "region": mark}
    rows = [prediction(100, **shown, raw="A square."), prediction(101, **shown, raw="circle")]
    write_lines(run / "predictions.jsonl", rows)
    (run / "scores.json").write_text(json.dumps({"AP": None, "words_exact": 0.5, "regions": 2}))
    write(run)
    assert capsys.readouterr().out == f"{run / 'page' / 'index.html'}: 2 questions for words\n"
    content = content_of(run / "page")
    assert [image["answers"][0]["exact"] for image in content["images"]] == [True, False]
    assert [image["words"]["true"] for image in content["images"]] == [["the square"]] * 2
    assert ("words_exact", ["50.0%"]) in [(row["key"], row["texts"]) for row in content["metrics"]]
    assert main([str(run), "--output", str(tmp_path / "drawn")]) == 0
    assert len(list((tmp_path / "drawn").iterdir())) == 2
    write_run(tmp_path / "other", dataset, [prediction(3)])
    assert main(["page", f"a={run}", f"b={tmp_path / 'other'}"]) == 2
    assert "no image of the data set was predicted by every run" in capsys.readouterr().err
    assert main(["compare", f"a={run}", f"b={run}"]) == 2
    write_lines(run / "predictions.jsonl", [])
    capsys.readouterr()
    assert main(["page", str(run)]) == 2
    assert "the file is empty" in capsys.readouterr().err


def test_expressions_that_no_run_names_are_labels_of_the_page(run, dataset):
    """The true label of a referring expression is the expression, which is no category."""
    annotations = json.loads((dataset / "annotations_val.json").read_text(encoding="utf-8"))
    annotations["images"][0] |= {"asked": "the left square", "negative": None}
    (dataset / "annotations_val.json").write_text(json.dumps(annotations), encoding="utf-8")
    write(run)
    content = content_of(run / "page")
    assert content["labels"] == ["方块", "circle", "the left square"]
    assert content["images"][0]["truth"][0][0] == 2


def test_a_question_with_several_pictures_is_one_entry_with_all_of_them(tmp_path, capsys):
    _, run = write_several(tmp_path)
    write(run)
    assert capsys.readouterr().out.endswith("6 images\n")
    first, second, third = content_of(run / "page")["images"]
    assert [picture["id"] for picture in first["pictures"]] == [7, 3]
    assert (first["id"], first["name"]) == (7, "images/7.png, images/3.png")
    assert "pictures" not in third
    assert (first["answers"][0]["agreement"], second["answers"][0]["agreement"]) == (0, 1)
    assert first["answers"][0]["raw"] == "Image 1: a\nImage 2: b"
    assert second["answers"][0]["problems"] == ["truncated"]
    assert second["answers"][0]["readable"]
    outcomes = [[item[7] for item in picture["answers"][0]["objects"]] for picture in first["pictures"]]
    names = [outcome.value for outcome in Outcome]
    assert [[names[place] for place in each] for each in outcomes] == [["false positive", "missed"]] * 2
    files = [picture["file"] for image in (first, second) for picture in image["pictures"]] + [third["file"]]
    assert files == [path.name for path in sorted((run / "page" / "images").iterdir())]
    write(run, "--limit", "1", "--output", tmp_path / "one")
    assert len(list((tmp_path / "one" / "images").iterdir())) == 2


def test_changed_pictures_bring_their_question(tmp_path, capsys):
    data, run = write_several(tmp_path)
    here = (8, 8, 28, 28)
    rows = [
        several_prediction(SEVERAL[0], (0, here), (1, here)),
        several_prediction(SEVERAL[1], (0, here), (1, here), (2, here)),
        prediction(SEVERAL[2][0]),
    ]
    write_run(tmp_path / "other", data, rows)
    assert main(["compare", f"before={run}", f"after={tmp_path / 'other'}"]) == 0
    (shown,) = content_of(tmp_path / "other" / "changes")["images"]
    assert [picture["id"] for picture in shown["pictures"]] == [7, 3]
    assert [answer["agreement"] for answer in shown["answers"]] == [0, 0.3333]


def test_runs_that_were_asked_in_other_groups_show_each_picture_alone(tmp_path):
    data, run = write_several(tmp_path)
    write_run(tmp_path / "alone", data, [prediction(number) for numbers in SEVERAL for number in numbers])
    write(f"before={run}", f"after={tmp_path / 'alone'}")
    shown = content_of(tmp_path / "alone" / "page")["images"]
    assert [image["id"] for image in shown] == [7, 3, 5, 9, 8, 4]
    assert not any("pictures" in image for image in shown)
