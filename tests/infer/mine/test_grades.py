import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.answers.forms import DUPLICATE, EMPTY_ANSWER, LOOPED, REPEATED
from grounding.boxes import Box
from grounding.samples import Detection
from infer.mine.grades import Grade, grade_answer

sides = st.integers(1, 30)
objects = st.lists(
    st.builds(
        lambda label, x, y, w, h: Detection(label, Box(x, y, x + w, y + h)),
        st.sampled_from("abc"), sides, sides, sides, sides,
    ),
    max_size=6,
)  # fmt: skip


def at(x: float, label: str = "dog", width: float = 10) -> Detection:
    return Detection(label, Box(x, 0, x + width, 10))


@pytest.mark.parametrize(
    ("found", "grade", "label"),
    [
        (at(0), Grade.RIGHT, "dog"),
        (at(0, width=6), Grade.RIGHT, "dog"),  # IoU 0.6
        (at(0, width=5.9), Grade.LOOSE, "dog"),
        (at(0, width=3), Grade.LOOSE, "dog"),  # IoU 0.3
        (at(0, width=2.9), Grade.MISSED, None),
        (at(0, "cat"), Grade.WRONG_LABEL, "cat"),
        (at(0, "cat", width=2.9), Grade.MISSED, None),
    ],
)
def test_an_object_is_graded_by_the_overlap_and_the_label_of_its_box(
    found: Detection, grade: Grade, label: str | None
) -> None:
    graded = grade_answer([at(50, "cat"), at(0)], [found])
    assert graded.grades == (Grade.MISSED, grade)
    assert graded.given_labels == (None, label)
    assert len(graded.invented) == (grade is Grade.MISSED)
    assert graded.copied == 0


def test_a_second_box_on_an_object_is_a_copy_and_one_elsewhere_is_invented() -> None:
    graded = grade_answer([at(0)], [at(1), at(0), at(100), at(100), at(101), at(0, "cat")])
    assert graded.grades == (Grade.RIGHT,)
    assert graded.copied == 3  # one of the object, two of the invented one
    assert graded.invented == (at(100), at(0, "cat"))


def test_a_copy_of_an_object_with_a_wrong_label_is_a_copy() -> None:
    graded = grade_answer([at(0)], [at(0, "cat"), at(1, "cat")])
    assert (graded.grades, graded.copied, graded.invented) == ((Grade.WRONG_LABEL,), 1, ())


@pytest.mark.parametrize(
    ("problems", "copied"), [((), 0), ((REPEATED,), 1), ((LOOPED,), 1), ((DUPLICATE, EMPTY_ANSWER), 0)]
)
def test_an_answer_that_the_engine_ended_at_a_copy_has_one(problems: tuple[str, ...], copied: int) -> None:
    graded = grade_answer([at(0)], [at(0)], problems)
    assert graded.copied == copied
    assert graded.is_right is (copied == 0)


def test_boxes_in_ignored_regions_are_neither_right_nor_wrong() -> None:
    graded = grade_answer([at(0)], [at(0), at(100), at(100, "cat")], ignored=[at(99, width=20)])
    assert (graded.invented, graded.copied) == ((at(100, "cat"),), 0)


def test_nothing_wanted_and_nothing_found_is_right() -> None:
    assert grade_answer([], []).is_right
    assert not grade_answer([], [at(0)]).is_right
    assert not grade_answer([at(0)], []).is_right


@given(objects, objects)
def test_every_box_is_counted_once(wanted: list[Detection], found: list[Detection]) -> None:
    graded = grade_answer(wanted, found)
    matched = sum(grade is not Grade.MISSED for grade in graded.grades)
    assert matched + len(graded.invented) + graded.copied == len(found)
    assert all((label is None) == (grade is Grade.MISSED)
               for grade, label in zip(graded.grades, graded.given_labels, strict=True))  # fmt: skip
