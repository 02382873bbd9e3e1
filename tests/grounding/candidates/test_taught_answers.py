"""Answers that training teaches: objects become text in one place, and the text says the same when read."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.answers.asked import Asked
from grounding.answers.forms import ANSWER_FORMATS
from grounding.answers.reader import read_answer
from grounding.answers.writer import Answer, CandidateUse
from grounding.boxes import Box, Size, from_grid
from grounding.candidates.taught_answers import name_candidates, write_taught_answers
from grounding.record.filling import fill_placeholders
from grounding.samples import Detection

ROOT = Path(__file__).parents[3]
SIZE = Size(1000, 1000)
ODD = Size(333, 77)


def test_an_answer_names_each_candidate_once() -> None:
    boxes = [(0, 0, 100, 100), (0, 0, 100, 96), (500, 500, 600, 600), (700, 700, 720, 720)]
    asked = Asked((SIZE,), tuple(Box(*box) for box in boxes), (("dog", None),) * 4)
    objects = [
        Detection("dog", Box(0, 0, 100, 100)),
        Detection("cat", Box(0, 0, 100, 95)),
        Detection("dog", Box(500, 500, 600, 570)),
        Detection("dog", Box(800, 0, 900, 100)),
    ]
    assert name_candidates(objects, asked, good=0.9) == (
        CandidateUse(1),
        CandidateUse(2),
        CandidateUse(3, is_corrected=True),
        None,
    )


def test_turns_share_the_candidates_of_their_question() -> None:
    asked = Asked((SIZE,), (Box(0, 0, 100, 100), Box(0, 0, 100, 90)))
    dog, cat = Detection("dog", Box(0, 0, 100, 100)), Detection("cat", Box(0, 0, 100, 99))
    texts = [answer.content for answer in write_taught_answers("json", [[cat], [dog]], asked, 0.8)]
    assert texts == ['[{"candidate": 2, "label": "cat"}]', '[{"candidate": 1, "label": "dog"}]']


def test_objects_in_other_pictures_are_no_candidates() -> None:
    asked = Asked((SIZE, SIZE), (Box(0, 0, 100, 100),))
    assert name_candidates([Detection("dog", Box(0, 0, 100, 100), picture=1)], asked, 0.9) == (None,)


grid_boxes = st.tuples(*[st.integers(0, 40)] * 2, *[st.integers(4, 60)] * 2).map(
    lambda box: (10 * box[0], 10 * box[1], 10 * box[0] + 10 * box[2], 10 * box[1] + 10 * box[3])
)


@given(
    st.sampled_from(ANSWER_FORMATS),
    st.lists(grid_boxes, max_size=6, unique=True),
    st.lists(st.tuples(st.sampled_from("ab"), grid_boxes, st.floats(0.7, 1.3)), max_size=6),
    st.sampled_from([0.5, 0.75, 0.9, 1.0]),
)
def test_what_is_read_from_an_answer_is_taught_by_the_same_text(
    answer_format: str,
    candidates: list[tuple[int, int, int, int]],
    objects: list[tuple[str, tuple[int, int, int, int], float]],
    good: float,
) -> None:
    asked = Asked((ODD,), tuple(from_grid(*box, ODD) for box in candidates))
    found = [
        Detection(
            label, from_grid(x1, y1, x1 + factor * (x2 - x1), y1 + factor * (y2 - y1), ODD).clipped(ODD)
        )
        for label, (x1, y1, x2, y2), factor in objects
    ]
    [written] = write_taught_answers(answer_format, [found], asked, good)
    reading = read_answer(_text(written), asked)
    assert len(reading.detections) == len(found)
    again = write_taught_answers(answer_format, [reading.detections], asked, good)
    assert again == [written]


def _text(answer: Answer) -> str:
    return fill_placeholders([answer.content], answer.objects)[0]


SPELLS_FORMS = {"grounding/grammar/answer_form.py", "infer/runs/grammar_check.py"}
"""What asks how a form of answers is spelled, and writes none that a model learns."""


@pytest.mark.parametrize("folder", ["grounding", "prepare", "infer", "train", "visualize", "chain", "models"])
def test_all_answers_that_are_taught_are_written_in_one_place(folder: str) -> None:
    calls = set()
    for path in (ROOT / folder).rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        calls |= {str(path.relative_to(ROOT))} if "write_answer" in names else set()
    one_place = {"grounding/candidates/taught_answers.py"} if folder == "grounding" else set()
    assert calls - SPELLS_FORMS == one_place
