import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grounding.views.view_mark import Views
from tests.visualize.samples import prediction, write_lines, write_run, write_several
from visualize.__main__ import main
from visualize.draw.marks import CANDIDATE_COLOR
from visualize.read.training_records import read_records


def printed_paths(capsys):
    return [Path(line) for line in capsys.readouterr().out.splitlines()]


def failure(capsys, *words):
    assert main([str(word) for word in words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    return error


def test_a_picture_for_each_image_in_the_order_of_the_data_set(run, capsys):
    assert main([str(run), "--limit", "2"]) == 0
    paths = printed_paths(capsys)
    assert [path.name for path in paths] == ["001_7.png", "002_3.png"]
    assert all(path.parent == run / "pictures" for path in paths)
    with Image.open(paths[0]) as picture:
        assert picture.width > 2 * 500


def test_a_sheet_of_two_runs(run, tmp_path, capsys):
    output = tmp_path / "out" / "both.png"
    words = [
        f"before={run}",
        f"after={run}",
        "--sheet",
        "--style",
        "matched",
        "--title",
        "AP 0.5",
        "--output",
        str(output),
    ]
    assert main(words) == 0
    assert printed_paths(capsys) == [output]
    with Image.open(output) as sheet:
        assert sheet.width > 3 * 320
    assert [path.name for path in output.parent.iterdir()] == ["both.png"]


def test_the_same_command_writes_the_same_bytes(run, tmp_path):
    for name in ("a.png", "b.png"):
        assert main([str(run), "--sheet", "--output", str(tmp_path / name)]) == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize(("images", "first"), [("worst", "001_5.png"), ("best", "001_7.png")])
def test_the_worst_and_the_best_images(run, capsys, images, first):
    assert main([str(run), "--limit", "1", "--images", images]) == 0
    assert printed_paths(capsys)[0].name == first


def test_the_infer_recipe_stands_for_its_output_folder(run, capsys):
    assert main(["draw", str(run / "infer.yaml"), "--limit", "1"]) == 0
    assert printed_paths(capsys) == [run / "pictures" / "001_7.png"]
    assert main([f"after={run / 'predictions.jsonl'}", "--limit", "1"]) == 0
    assert printed_paths(capsys) == [run / "pictures" / "001_7.png"]


def test_predictions_need_no_image_path_and_annotations_no_folder(run, dataset, capsys):
    rows = [prediction(number) for number in (3, 7)]
    write_lines(
        run / "predictions.jsonl", [{key: row[key] for key in ("image_id", "detections")} for row in rows]
    )
    path = dataset / "annotations_val.json"
    path.write_text(path.read_text(encoding="utf-8").replace("images/", ""), encoding="utf-8")
    assert main([str(run)]) == 0
    assert [path.name for path in printed_paths(capsys)] == ["001_7.png", "002_3.png"]


def test_a_spotlight_on_a_box_and_on_a_mask(dataset, tmp_path, capsys):
    image, mask = dataset / "images" / "7.png", tmp_path / "mask.png"
    Image.new("1", (64, 48)).save(mask)
    words = ["spotlight", str(image), "--output", str(tmp_path / "out.png")]
    assert main([*words, "--box", "10", "10", "30", "30"]) == 0
    with Image.open(tmp_path / "out.png") as drawn:
        assert (drawn.getpixel((0, 0)), drawn.getpixel((15, 15))) == ((12, 45, 45), (24, 90, 90))
    assert main([*words, "--mask", str(mask)]) == 0
    assert printed_paths(capsys) == [tmp_path / "out.png"] * 2
    Image.new("1", (64, 64)).save(mask)
    assert "mask of the image's size" in failure(capsys, *words, "--mask", mask)
    assert ".png" in failure(capsys, *words[:-1], tmp_path / "out.gif", "--box", 1, 2, 3, 4)


def test_the_records_of_a_data_set_in_both_answer_formats(dataset, capsys):
    def record(number, content, **more):
        messages = [{"role": "user", "content": "<image>Find"}, {"role": "assistant", "content": content}]
        return {"messages": messages, "images": [f"images/{number}.png"], **more}

    objects = {"ref": ["方块"], "bbox": [[125, 167, 438, 583]]}
    literal = json.dumps([{"bbox_2d": [125, 167, 438, 583], "label": "方块"}], ensure_ascii=False)
    rows = [record(7, "<ref-object><bbox>", objects=objects), record(7, literal)]
    write_lines(dataset / "train.jsonl", rows)
    assert main(["--jsonl", str(dataset / "train.jsonl")]) == 0
    first, second = printed_paths(capsys)
    assert first.read_bytes() == second.read_bytes()
    assert main(["--jsonl", str(dataset / "train.jsonl"), "--sheet"]) == 0
    assert printed_paths(capsys) == [dataset / "pictures" / "sheet.png"]


PROPOSED = {"ask": "{candidates}", "boxes": [[0, 0, 300, 300], [500, 500, 900, 900]]}
LISTED = "\n#1 (0,0),(300,300)\n#2 (500,500),(900,900)"


def test_candidates_are_drawn_unless_they_are_not_wanted(run, dataset, capsys):
    answer = {"role": "assistant", "content": "<ref-object>#2"}
    question = {"role": "user", "content": f"<image>Find{LISTED}"}
    objects = {"ref": ["circle"], "bbox": []}
    row = {
        "messages": [question, answer],
        "images": ["images/7.png"],
        "objects": objects,
        "candidates": PROPOSED,
    }
    write_lines(dataset / "train.jsonl", [row])
    write_lines(run / "predictions.jsonl", [prediction(7, candidates=PROPOSED)])
    for words in (["--jsonl", str(dataset / "train.jsonl")], [str(run)], [str(run), "--style", "matched"]):
        grey = []
        for more in ([], ["--no-candidates"]):
            assert main([*words, *more]) == 0
            with Image.open(printed_paths(capsys)[0]) as drawn:
                grey.append((np.asarray(drawn.convert("RGB")) == CANDIDATE_COLOR).all(axis=2).sum())
        assert grey[0] > 200 > 20 > grey[1], words


def test_a_question_with_views_is_the_one_of_the_record(dataset):
    views = Views.introduced([(0, 0, 600, 600)], "Find")
    messages = [
        {"role": "user", "content": views.add_to("<image>Find")},
        {"role": "assistant", "content": "Nothing"},
    ]
    row = {"messages": messages, "images": ["images/7.png", "images/3.png"], "views": views.as_json()}
    write_lines(dataset / "train.jsonl", [row])
    ((images, question, _),) = read_records(dataset / "train.jsonl", 1)
    assert ([shown.image for shown in images], question) == (["images/7.png"], "Find")


def test_all_answers_of_a_record_are_drawn_under_its_first_question(dataset):
    turns = ("<image>Find all.", "<ref-object><bbox>", "Go on.", "<ref-object><bbox>")
    messages = [{"role": ("user", "assistant")[n % 2], "content": turns[n]} for n in range(4)]
    objects = {"ref": ["cup", "cat"], "bbox": [[0, 0, 500, 500], [500, 500, 1000, 1000]]}
    path = dataset / "train.jsonl"
    write_lines(path, [{"messages": messages, "images": ["images/7.png"], "objects": objects}])
    (((shown,), question, yes_or_no),) = read_records(path, 1)
    assert (question, yes_or_no) == ("Find all.", None)
    assert [detection.label for detection in shown.detections] == ["cup", "cat"]
    assert shown.problems == ()


def test_the_answer_of_a_yes_no_record_is_drawn(dataset, capsys):
    texts = ("<image>Is the white outline right?", "No")
    messages = [{"role": ("user", "assistant")[n], "content": texts[n]} for n in range(2)]
    path = dataset / "train.jsonl"
    write_lines(path, [{"messages": messages, "images": ["images/7.png"], "yes_no": "shifted"}])
    (((shown,), question, yes_or_no),) = read_records(path, 1)
    assert (question, yes_or_no) == ("Is the white outline right?", "No")
    assert (shown.detections, shown.problems) == ((), ())
    pictures = []
    for words in ([], ["--sheet"]):
        assert main(["--jsonl", str(path), *words]) == 0
        pictures += [place.read_bytes() for place in printed_paths(capsys)]
    write_lines(path, [{"messages": messages, "images": ["images/7.png"], "yes_no": "other"}])
    for words in ([], ["--sheet"]):
        assert main(["--jsonl", str(path), *words]) == 0
        pictures += [place.read_bytes() for place in printed_paths(capsys)]
    assert len(set(pictures)) == 4


def test_what_the_user_can_mend_is_said_in_one_line(run, dataset, tmp_path, capsys):
    assert "nothing to draw" in failure(capsys)
    assert "predictions.jsonl: no such file" in failure(capsys, tmp_path / "nowhere")
    assert "--dataset" in failure(capsys, run, "--dataset", tmp_path)
    assert "add --sheet" in failure(capsys, run, "--output", tmp_path / "a.png")
    assert "--limit" in failure(capsys, run, "--limit", "0")
    assert "two runs are called" in failure(capsys, run, run)
    assert "leave out" in failure(capsys, run, "--jsonl", "x.jsonl")
    assert "x.jsonl: no such file" in failure(capsys, "--jsonl", "x.jsonl")
    (dataset / "images" / "7.png").unlink()
    assert "7.png: no such image" in failure(capsys, run)
    (dataset / "images" / "7.png").write_bytes(b"not an image")
    assert "not readable as an image" in failure(capsys, run)
    Image.new("RGB", (10, 10)).save(dataset / "images" / "7.png")
    assert "10x10" in failure(capsys, run)
    (run / "infer.yaml").unlink()
    assert "add --dataset" in failure(capsys, run)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"image_id": 1}, "line 2: not a prediction (KeyError: 'detections')"),
        (prediction(3, (1, 2, 3)), "line 2: not a prediction"),
        (prediction(3, detections=None), "line 2: not a prediction"),
        (prediction(7), "line 2: image_id 7 comes a second time"),
    ],
)
def test_a_bad_row_is_named(run, capsys, row, reason):
    write_lines(run / "predictions.jsonl", [prediction(7), row])
    assert reason in failure(capsys, run)


def test_a_bad_record_is_named(dataset, capsys):
    messages = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "<ref-object><bbox>"}]
    uneven = {"ref": ["方块", "圆"], "bbox": [[1, 2, 3, 4]]}
    for row in (
        {"messages": messages},
        {"messages": messages, "images": ["images/7.png"], "objects": uneven},
    ):
        write_lines(dataset / "train.jsonl", [row])
        assert "train.jsonl, line 1: not a training record" in failure(
            capsys, "--jsonl", dataset / "train.jsonl"
        )


def test_predictions_of_another_data_set_are_refused(run, capsys):
    write_lines(run / "predictions.jsonl", [prediction(99)])
    assert "no image of the data set" in failure(capsys, run)


def test_every_help_has_an_example():
    for words in ([], ["draw"], ["page"], ["compare"], ["spotlight"]):
        shown = subprocess.run(
            [sys.executable, "-m", "visualize", *words, "--help"], capture_output=True, text=True, check=True
        ).stdout
        assert "python -m visualize before=" in shown


def test_help_loads_no_drawing_library():
    code = "import sys, visualize.__main__; print(sorted({'PIL', 'numpy', 'omegaconf'} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )


MARK = {"box": [125, 250, 500, 750], "show": "blur", "label": "方块", "phrases": ["the square", "it"]}


@pytest.mark.parametrize("show", ["blur", "text"])
def test_the_words_of_a_record_are_drawn_under_its_picture(dataset, capsys, show):
    texts = ("<image>What is it?", "the square")
    messages = [{"role": ("user", "assistant")[n], "content": texts[n]} for n in range(2)]
    path = dataset / "train.jsonl"
    row = {"messages": messages, "images": ["images/7.png"], "region": MARK | {"show": show}}
    write_lines(path, [row])
    (((shown,), question, words),) = read_records(path, 1)
    assert (question, words, shown.problems) == ("What is it?", "the square", ())
    boxes = [(item.label, item.box.xyxy) for item in shown.detections]
    assert boxes == ([("方块", (8, 12, 32, 36))] if show == "text" else [])
    pictures = []
    for answer in ("the square", "it"):
        row["messages"][1]["content"] = answer
        write_lines(path, [row])
        assert main(["--jsonl", str(path)]) == 0
        pictures += [place.read_bytes() for place in printed_paths(capsys)]
    assert len(set(pictures)) == 2


def words_row(number, **changes):
    shown = {"detections": [], "image": "images/7.png", "raw": "the big square", "region": MARK}
    return prediction(number, **(shown | changes))


def test_the_words_of_runs_are_drawn_beside_what_is_true(run, dataset, tmp_path, capsys):
    rows = [prediction(number) for number in (3, 5, 7)]
    empty = words_row(101, raw="", problems=["empty"])
    runs = [f"a={tmp_path / 'other'}", f"b={run}"]
    write_run(tmp_path / "other", dataset, [words_row(101), words_row(100, raw="a dog"), *rows])
    pictures = []
    for words in ("the big square", "a cat"):
        write_lines(run / "predictions.jsonl", [*rows, words_row(100, raw=words), empty])
        assert main([*runs, "--limit", "3"]) == 0
        paths = printed_paths(capsys)
        pictures.append([path.read_bytes() for path in paths])
    assert [path.name for path in paths] == [f"00{n}_{name}.png" for n, name in enumerate((7, 3, 5, 7, 7), 1)]
    alike = [one == other for one, other in zip(*pictures, strict=True)]
    assert alike == [True, True, True, False, True]
    assert main([*runs, "--limit", "1"]) == 0
    assert len(printed_paths(capsys)) == 2


def test_a_picture_of_words_has_to_be_there(run, tmp_path, capsys):
    rows = [prediction(number) for number in (3, 5, 7)]
    for image, message in (("images/none.png", "no such image"), ("", "no such image")):
        write_lines(run / "predictions.jsonl", [*rows, words_row(100, image=image)])
        assert message in failure(capsys, run)


def test_each_picture_of_a_question_has_a_file_and_they_stand_side_by_side_on_a_sheet(tmp_path, capsys):
    _, run = write_several(tmp_path)
    assert main([str(run), "--limit", "2"]) == 0
    paths = printed_paths(capsys)
    names = ["001_1_7.png", "001_2_3.png", "002_1_5.png", "002_2_9.png", "002_3_8.png"]
    assert [path.name for path in paths] == names
    sheets = []
    for limit in ("1", "3"):
        assert main([str(run), "--sheet", "--limit", limit]) == 0
        with Image.open(printed_paths(capsys)[0]) as sheet:
            sheets.append(sheet.size)
    with Image.open(paths[0]) as one:
        assert sheets[0][0] > one.width  # two pictures with truth and answer each, in one row
    assert sheets[1][1] > 2 * sheets[0][1]
    assert main([str(run), "--images", "worst", "--limit", "1"]) == 0
    assert [path.name for path in printed_paths(capsys)] == names[:2]


def test_a_record_with_several_pictures_draws_each_with_its_objects(dataset, capsys):
    messages = [
        {"role": "user", "content": "<image><image>Find"},
        {"role": "assistant", "content": "Image 2: <ref-object><bbox>"},
    ]
    objects = {"ref": ["方块"], "bbox": [[125, 167, 438, 583]], "image_id": [1]}
    path = dataset / "train.jsonl"
    write_lines(
        path, [{"messages": messages, "images": ["images/7.png", "images/3.png"], "objects": objects}]
    )
    ((images, question, words),) = read_records(path, 1)
    assert (question, words) == ("Find", None)
    assert [[item.label for item in shown.detections] for shown in images] == [[], ["方块"]]
    assert images[1].detections[0].picture == 0  # of its own picture
    assert main(["--jsonl", str(path)]) == 0
    assert [each.name for each in printed_paths(capsys)] == ["001_1_7.png", "001_2_3.png"]
    assert main(["--jsonl", str(path), "--sheet"]) == 0
