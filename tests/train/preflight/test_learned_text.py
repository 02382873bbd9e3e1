import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grounding.candidates.candidate_list import CandidateList, ListedCandidate
from grounding.errors import USER_ERROR_EXIT_CODE, run_command
from models.processors import load_tokenizer
from train.check import main
from train.preflight.encode import encode_sample
from train.preflight.learned_text import learned_texts, unread_answers
from train.recipe import TrainRecipe, resolve_recipe

QUOTED_TOKENS = '[{"label": "<ref-object>", "bbox_2d": "<bbox>"}]'


@pytest.fixture
def changed_data(drawn_data: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return the drawn records in a folder of this test's own, with changes of some of them."""

    def write(changes: dict[int, Callable[[dict[str, Any]], Any]]) -> Path:
        rows = [json.loads(line) for line in (drawn_data / "train.jsonl").read_text().splitlines()]
        for number, change in changes.items():
            change(rows[number])
        folder = tmp_path / "data"
        shutil.copytree(drawn_data / "images", folder / "images")
        (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return folder / "train.jsonl"

    return write


def spell(row: dict[str, Any]) -> None:
    row["messages"][-1]["content"] = QUOTED_TOKENS


def test_a_record_with_tokens_in_a_text_of_json_is_refused_in_one_line(
    make_recipe: Callable[..., Path], changed_data: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_recipe(train_dataset_path=str(changed_data({7: spell, 30: spell})))
    assert run_command(lambda: main([str(path), "check_samples=2"])) == USER_ERROR_EXIT_CODE
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "train.jsonl, line 8: answer does not read back as the record's objects: 0 of 1 objects" in said
    assert "(and 1 more lines like it)" in said


def test_the_text_that_is_encoded_is_what_the_record_means(
    make_recipe: Callable[..., Path], changed_data: Callable[..., Path]
) -> None:
    def encoding(file: Path, **changes: object) -> tuple[str, ...]:
        values = resolve_recipe(make_recipe(train_dataset_path=str(file)))
        return encode_sample(TrainRecipe({**values, **changes}), 48).unread

    file = changed_data({3: spell})
    (problem,) = encoding(file)
    assert problem.startswith(
        "record with image train_3.png: the text that is learned: 0 of 1 objects are read in "
    )
    assert '"bbox_2d": "<|box_start|>(' in problem
    assert problem.endswith(": prepare the data set again")
    cut = encoding(file, max_seq_len=60, truncation_strategy="right")
    assert len(cut) > 40
    assert cut[0].endswith("it is cut at max_seq_len: write more, or truncation_strategy: delete")


def show_a_view(row: dict[str, Any]) -> None:
    text = "<image>\nImage 2, a part of Image 1: <image>\n"
    row["images"] *= 2
    row["messages"][1]["content"] = f"{text}Task: Object Detection"
    row["views"] = {"regions": [[0, 0, 500, 500]], "text": text}


def test_with_views_an_answer_is_about_the_first_picture(
    make_recipe: Callable[..., Path], changed_data: Callable[..., Path]
) -> None:
    file = changed_data({2: show_a_view})
    recipe = TrainRecipe(resolve_recipe(make_recipe(train_dataset_path=str(file))))
    assert encode_sample(recipe, 48).unread == ()
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    del rows[2]["views"]  # then the answer is about both, and names none
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (problem,) = encode_sample(recipe, 48).unread
    assert "0 of 1 objects are read" in problem


def ask_yes_or_no(row: dict[str, Any]) -> None:
    del row["objects"]
    row["yes_no"] = "shifted"
    row["messages"][-2]["content"] = '<image>Is the white outline the right box for "red square"?'
    row["messages"][-1]["content"] = "No"


def test_yes_no_records_are_checked_and_encoded_like_others(
    make_recipe: Callable[..., Path], changed_data: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    file = changed_data({3: ask_yes_or_no, 5: ask_yes_or_no})
    path = make_recipe(train_dataset_path=str(file))
    sample = encode_sample(TrainRecipe(resolve_recipe(path)), 48)
    assert sample.unread == ()
    assert run_command(lambda: main([str(path), "check_samples=8"])) == 0, capsys.readouterr().err
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows[3]["messages"][-1]["content"] = "Yes"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run_command(lambda: main([str(path), "check_samples=2"])) == USER_ERROR_EXIT_CODE
    said = capsys.readouterr().err
    assert "train.jsonl, line 4: yes/no question is not one turn with the answer that its mark says" in said


def ask_for_words(row: dict[str, Any]) -> None:
    del row["objects"]
    row["region"] = {"box": [10, 20, 300, 400], "show": "text", "label": None, "phrases": ["a square", "it"]}
    row["messages"][-2]["content"] = "<image>Describe what is inside the box (10,20),(300,400)."
    row["messages"][-1]["content"] = "a square"


def test_questions_for_words_are_checked_and_encoded_like_others(
    make_recipe: Callable[..., Path], changed_data: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    file = changed_data({3: ask_for_words, 5: ask_for_words})
    path = make_recipe(train_dataset_path=str(file))
    sample = encode_sample(TrainRecipe(resolve_recipe(path)), 48)
    assert sample.unread == ()
    assert run_command(lambda: main([str(path), "check_samples=8"])) == 0, capsys.readouterr().err
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    for change in ({"region": None}, {"region": rows[3]["region"] | {"phrases": ["another"]}}):
        changed = [*rows[:3], rows[3] | change, *rows[4:]]
        file.write_text("".join(json.dumps(row) + "\n" for row in changed))
        code = run_command(lambda: main([str(path), "check_samples=2"]))
        said = capsys.readouterr().err
        if change["region"] is None:  # without a card, any text may be learned
            assert code == 0
        else:
            assert code == USER_ERROR_EXIT_CODE
            assert "line 4: question for words has no first answer among the phrases" in said


def name_candidate(row: dict[str, Any]) -> None:
    """List the object and another box, and name the object by its number beside a new box."""
    (box,) = row["objects"]["bbox"]
    listed = CandidateList(
        "Candidates:\n{candidates}",
        (ListedCandidate((1, 2, 3, 4), "red square"), ListedCandidate(tuple(box), "red square")),
    )
    row["candidates"] = listed.as_json()
    row["messages"][-2]["content"] = listed.add_to("<image>Task: Object Detection", "objects")
    row["messages"][-1]["content"] = "<ref-object>#2, <ref-object><bbox>"
    row["objects"] = {"ref": [*row["objects"]["ref"], "green circle"], "bbox": [[5, 6, 70, 80]]}


def test_answers_that_name_candidates_are_checked_and_encoded_like_others(
    make_recipe: Callable[..., Path], changed_data: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    file = changed_data({3: name_candidate, 5: name_candidate})
    path = make_recipe(train_dataset_path=str(file))
    sample = encode_sample(TrainRecipe(resolve_recipe(path)), 48)
    assert sample.unread == ()
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows[3]["messages"][-1]["content"] = "<ref-object>#3, <ref-object><bbox>"
    rows[5]["messages"][-2]["content"] = "<image>Task: Object Detection"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run_command(lambda: main([str(path), "check_samples=2"])) == USER_ERROR_EXIT_CODE
    said = capsys.readouterr().err
    assert "train.jsonl, line 4: number of a candidate that is not there, or used twice" in said
    assert "train.jsonl, line 6: question does not list the candidates of its mark" in said


def test_answers_are_compared_one_by_one_if_they_are_learned(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(str(tiny_model))
    one, two = (
        "<|object_ref_start|>red square<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|>",
        '[{"bbox_2d": [5, 6, 7, 8], "label": "red square"}]',
    )
    ids = [tokenizer(f"{text}<|im_end|>\n")["input_ids"] for text in (one, two)]
    labels = [-100, *ids[0], -100, -100, *ids[1], -100]
    assert learned_texts(tokenizer, labels) == [f"{one}<|im_end|>\n", f"{two}<|im_end|>\n"]
    messages = [
        {"role": "user", "content": "<image>One?"},
        {"role": "assistant", "content": "<ref-object><bbox>"},
        {"role": "user", "content": "Two?"},
        {"role": "assistant", "content": two},
    ]
    example = {
        "messages": messages,
        "objects": {"ref": ["red square"], "bbox": [[1, 2, 3, 4]]},
        "label": [1, 1],
    }
    assert list(unread_answers(tokenizer, example, labels)) == []
    assert list(unread_answers(tokenizer, example, labels[: -len(ids[1]) - 1])) == [
        "1 of its 2 answers are in the text that is learned"
    ]
    assert list(unread_answers(tokenizer, {**example, "label": [1, 0]}, labels[: -len(ids[1]) - 1])) == []
    other = {**example, "objects": {"ref": ["red square"], "bbox": [[1, 2, 3, 5]]}}
    (problem,) = unread_answers(tokenizer, other, labels)
    assert problem.startswith("box [1, 2, 3, 5] is read as [1, 2, 3, 4] in ")
    swapped = [-100, *ids[1], -100, *ids[0]]
    assert len(list(unread_answers(tokenizer, example, swapped))) == 2
