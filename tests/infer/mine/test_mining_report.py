from pathlib import Path

from grounding.boxes import Box, Size
from grounding.samples import Detection, Reading
from infer.asking.dataset_questions import Question
from infer.engines.protocol import Request
from infer.mine.graded_rows import GradedRecord
from infer.mine.grades import grade_answer
from infer.mine.hardness import QuestionGrades
from infer.mine.mining_report import MOST_ROWS, describe_findings, describe_grades
from infer.sampling.known_questions import KnownQuestion

QUESTION = Question.of_one(1, "a.png", Size(500, 500), Request((Path("a.png"),), "", "<image>"))


def record(wanted: list[Detection], *answers: list[Detection]) -> GradedRecord:
    known = KnownQuestion(QUESTION, 1, {}, "", Reading(tuple(wanted), ()))
    grades = QuestionGrades(tuple(wanted), tuple(grade_answer(wanted, answer) for answer in answers))
    return GradedRecord(known, (0.5,) * len(answers), grades)


def row(table: str, name: str) -> list[str]:
    (line,) = (line for line in table.splitlines() if line.startswith(f"{name}  "))
    return line.removeprefix(name).split()


def test_sizes_have_rows_of_their_own() -> None:
    small, large = (Detection("cat", Box(0, 0, side, side)) for side in (10, 200))
    table = describe_grades([record([small, large], [large], [small, large])])
    assert row(table, "small (to 32 x 32)") == ["1", "50.0%", "0.0%", "0.0%", "50.0%", "100.0%"]
    assert row(table, "large") == ["1", "100.0%", "0.0%", "0.0%", "0.0%", "0.0%"]
    assert "medium" not in table
    assert row(table, "all") == ["2", "75.0%", "0.0%", "0.0%", "25.0%", "50.0%"]


def test_the_hardest_categories_come_first_and_the_easiest_are_counted() -> None:
    wanted = [
        Detection(f"label {number:02}", Box(number * 10, 0, number * 10 + 9, 9)) for number in range(33)
    ]
    table = describe_grades([record(wanted, wanted[:-1], wanted)])
    assert table.splitlines()[2].startswith("label 32  ")
    assert len([line for line in table.splitlines() if line.startswith("label")]) == MOST_ROWS
    assert table.endswith("\nand 3 easier categories")


def test_questions_about_nothing_have_a_table_without_objects() -> None:
    stray = Detection("cat", Box(0, 0, 9, 9))
    records = [record([], [stray], [])]
    assert row(describe_grades(records), "all") == ["0", *["0.0%"] * 5]
    assert describe_findings(records) == (
        "2 answers to 1 questions: 1 boxes invented, 0 copied; mean reward 0.500"
    )
