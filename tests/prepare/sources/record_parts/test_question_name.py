import pytest

from prepare.sources.record_parts.question_name import name_in_question


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("<image>Find the cat", "cat"),
        ("<image>\nWhere is the cat?", "cat"),
        ("Please locate the red cup left of the dog in the image.", "red cup left of the dog"),
        ("<image>Locate the cat, answer in JSON.", "cat"),
        (
            "<image>Please provide the bounding box of the region this sentence describes: left cat.",
            "left cat",
        ),
        (
            'Locate the object that matches the description "a red cup". Report it in JSON format.',
            "a red cup",
        ),
        # several things, or a question of another form: nothing is guessed
        ("Find the cat and the dog", None),
        ("Find cats, dogs", None),
        ("What is there?", None),
        ("Is the cat asleep? Where is the dog?", None),
        ("", None),
    ],
)
def test_one_name_in_a_question_of_a_known_form(question: str, name: str | None) -> None:
    assert name_in_question(question) == name
