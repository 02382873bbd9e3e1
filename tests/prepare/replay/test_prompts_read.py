"""Prompts of text files, of conversations and of data sets: what is asked, and what is left out."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from prepare.replay import prompts_read
from prepare.replay.prompts_read import ReplayPrompt, read_prompts


def write_rows(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def asked(*questions: str, images: Any = ()) -> dict[str, Any]:
    messages = []
    for question in questions:
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": "somebody's"}]
    return {"messages": messages, "images": list(images)}


def test_a_text_file_has_a_prompt_a_line(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_text("\ufeffWhat is it?\n\n  你好 \nWhat is it?\n", encoding="utf-8")
    read = read_prompts(path, "Be brief.", seed=0)
    assert {prompt.questions for prompt in read.prompts} == {("What is it?",), ("你好",)}
    assert {prompt.system for prompt in read.prompts} == {"Be brief."}
    assert all(prompt.image is None and not prompt.about_boxes for prompt in read.prompts)
    assert read.dropped == Counter({prompts_read.TWICE: 1})
    orders = {tuple(item.questions for item in read_prompts(path, "", seed).prompts) for seed in range(20)}
    assert len(orders) == 2


def test_conversations_in_all_forms_give_their_questions_alone(tmp_path: Path, pictures: list[str]) -> None:
    path = write_rows(
        tmp_path / "prompts.jsonl",
        asked("<image>What?", "And then?", images=pictures[:1]),
        {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "no"}], "system": "S"},
        {"query": "q", "response": "r"},
        {"messages": [{"role": "user", "content": "Unsaid place"}], "image": pictures[1]},
        {
            "messages": [{"role": "user", "content": "<image>Is <ref-object> at <bbox>?"}],
            "images": pictures[2:],
            "objects": {"ref": ["cat"], "bbox": [[1, 2, 3, 4]]},
        },
    )
    found = {prompt.where: prompt for prompt in read_prompts(path, "default", seed=0).prompts}
    first, second, third, fourth, fifth = (found[f"prompts.jsonl, line {line}"] for line in range(1, 6))
    assert first == ReplayPrompt(
        "default", ("<image>What?", "And then?"), tmp_path / pictures[0], False, first.where
    )
    assert (second.system, second.questions, second.image) == ("S", ("Hi",), None)
    assert third.questions == ("q",)
    assert (fourth.questions, fourth.image) == (("<image>Unsaid place",), tmp_path / pictures[1])
    spelled = "<|object_ref_start|>cat<|object_ref_end|> at <|box_start|>(1,2),(3,4)<|box_end|>"
    assert fifth.questions == (f"<image>Is {spelled}?",)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (asked("<image><image>Both?", images=["0.png", "1.png"]), prompts_read.SEVERAL_IMAGES),
        (asked("<image>Gone?", images=["9.png"]), prompts_read.IMAGE_MISSING),
        (asked("<image>Out?", images=["../0.png"]), prompts_read.IMAGE_OUTSIDE),
        (asked("First", "<image>Then", images=["0.png"]), prompts_read.IMAGE_ELSEWHERE),
        (asked("<image>Not there"), prompts_read.IMAGE_MARKUP),
        (asked("What is <|image_pad|>?"), prompts_read.IMAGE_MARKUP),
        (asked("<image>", images=["0.png"]), prompts_read.NO_QUESTION),
        (asked(" "), prompts_read.NO_QUESTION),
        ({"messages": [{"role": "user", "content": [{"text": "parts"}]}]}, prompts_read.NOT_TEXT),
        ({"text": "another format"}, prompts_read.NO_QUESTION),
    ],
)
def test_what_cannot_be_asked_is_counted(
    tmp_path: Path, pictures: list[str], row: dict[str, Any], reason: str
) -> None:
    path = write_rows(tmp_path / "prompts.jsonl", asked("Good?"), row)
    read = read_prompts(path, "", seed=0)
    assert [prompt.questions for prompt in read.prompts] == [("Good?",)]
    assert read.dropped == Counter({reason: 1})
    with pytest.raises(UserError, match=r"no prompt in it; .* \(1\)"):
        read_prompts(write_rows(tmp_path / "bad.jsonl", row), "", seed=0)


def test_places_without_prompts_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"train\.jsonl: no such file"):
        read_prompts(tmp_path, "", seed=0)
    with pytest.raises(UserError, match="no such file of prompts"):
        read_prompts(tmp_path / "none.txt", "", seed=0)
    (tmp_path / "latin.txt").write_bytes("caf\xe9".encode("latin-1"))
    with pytest.raises(UserError, match=r"latin\.txt: .*UTF-8"):
        read_prompts(tmp_path / "latin.txt", "", seed=0)
