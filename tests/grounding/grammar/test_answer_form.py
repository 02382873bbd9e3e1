from grounding.grammar.answer_form import AnswerForm, answer_form


def test_the_pieces_are_the_writers() -> None:
    objects = AnswerForm(
        opening="",
        nothing="None of them is in the image.",
        pieces=(
            *("<|object_ref_start|>", None, "<|object_ref_end|><|box_start|>(", 0, ",", 1, "),(", 2, ",", 3),
            ")<|box_end|>",
        ),
        separator=", ",
        closing="",
        undescribed=")<|box_end|>",
        before=': "',
        behind='"',
    )
    assert answer_form("objects") == objects
    in_json = AnswerForm(
        opening="[",
        nothing="]",
        pieces=('{"bbox_2d": [', 0, ", ", 1, ", ", 2, ", ", 3, '], "label": "', None, '"}'),
        separator=", ",
        closing="]",
        undescribed='"',
        before=', "description": "',
        behind='"}',
    )
    assert answer_form("json") == in_json
