from pathlib import Path

from grounding.boxes import Box, Size
from grounding.samples import Detection, Reading
from infer.asking.dataset_questions import Question
from infer.engines.protocol import Request
from infer.mine.graded_rows import grade_question
from infer.sampling.graded_answers import GradedAnswer, GradedQuestion
from infer.sampling.known_questions import KnownQuestion
from tests.infer.mine.stubborn_engine import COW, DOG, on_picture, rows_of


def test_each_row_says_what_is_wrong_and_what_the_answers_are_worth(mined: Path) -> None:
    rows = rows_of(mined / "graded.jsonl")
    assert [row["line"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row["hardness"] for row in rows] == [0, 1, 1, 0.5, 0.5, 1]
    assert [row["unstable"] for row in rows] == [False, False, False, False, True, False]
    assert rows[0]["rewards"] == [1, 1]
    assert rows[2]["reward"] == 0
    assert rows[4]["rewards"][0] == 1
    assert rows[4]["reward"] == (1 + rows[4]["rewards"][1]) / 2
    assert rows[4]["invented"] == {"cow": 0.5}
    assert [row["copied"] for row in rows] == [0, 0, 0, 0, 0, 2]
    assert (rows[3]["width"], rows[3]["height"], rows[3]["question"]) == (20, 20, "Task: Object Detection")
    assert rows[3]["objects"] == [
        {"label": "cow", "box": on_picture(COW), "hardness": 0.5, "unstable": False}
        | {"grades": {"IoU 0.3 to 0.6": 2}}
    ]
    assert rows[1]["objects"][1] == (
        {"label": "dog", "box": on_picture(DOG), "hardness": 1, "unstable": False, "grades": {"missed": 2}}
    )


def test_objects_of_later_turns_are_neither_wanted_nor_wrong() -> None:
    first, later = ([100, 100, 300, 300], [500, 500, 900, 900])
    row = {
        "messages": [
            {"role": "user", "content": "<image>Task: Object Detection"},
            {"role": "assistant", "content": "<ref-object><bbox>"},
            {"role": "user", "content": "Go on."},
            {"role": "assistant", "content": "<ref-object><bbox>"},
        ],
        "images": ["a.png"],
        "objects": {"ref": ["cat", "cat"], "bbox": [first, later]},
    }
    question = Question.of_one(1, "a.png", Size(1000, 1000), Request((Path("a.png"),), "", "<image>"))
    wanted, other = (Detection("cat", Box(*map(float, box))) for box in (first, later))
    known = KnownQuestion(question, 1, row, "", Reading((wanted,), ()))
    stray = Detection("cat", Box(0, 800, 90, 900))
    record = grade_question(GradedQuestion(known, (GradedAnswer("", (wanted, other, stray), (), 0.5),)))
    assert record.grades.wanted == (wanted,)
    assert record.grades.answers[0].invented == (stray,)
