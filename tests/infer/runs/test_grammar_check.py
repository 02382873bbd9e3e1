import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grounding.card import load_card, save_card
from grounding.categories import number_categories
from grounding.errors import UserError
from infer.recipe import InferRecipe
from infer.runs.grammar_check import check_grammar
from infer.runs.predict import predict
from tests.infer.several_pictures import join_questions


@pytest.fixture
def recipe(dataset: Any, checkpoint: Path, tmp_path: Path) -> InferRecipe:
    return InferRecipe(
        dataset=str(dataset.path),
        output_dir=str(tmp_path / "out"),
        checkpoint=str(checkpoint),
        grammar="objects",
    )


def change_card(dataset: Any, **changes: Any) -> None:
    save_card(replace(load_card(dataset.path), **changes), dataset.path)


def test_a_grammar_of_the_data_set_is_let_through(recipe: InferRecipe) -> None:
    check_grammar(recipe)
    check_grammar(replace(recipe, grammar_labels="categories"))
    assert recipe.answer_labels() == ()
    assert replace(recipe, grammar_labels="categories").answer_labels() == ("red square", "green circle")


def test_another_format_is_refused_before_a_model_is_loaded(recipe: InferRecipe) -> None:
    with pytest.raises(UserError, match="written as 'objects': set grammar=objects, or none"):
        predict(replace(recipe, grammar="json"), open_engine=lambda settings: pytest.fail("loaded"))


def test_labels_that_are_no_categories_are_refused(recipe: InferRecipe, dataset: Any) -> None:
    listed = replace(recipe, grammar_labels="categories")
    change_card(dataset, prompts={"expression.en1": "Locate {expression}"})
    with pytest.raises(UserError, match=r"asks for expressions.*grammar_labels=free"):
        check_grammar(listed)
    change_card(dataset, prompts={}, categories=())
    with pytest.raises(UserError, match="grammar_labels=free"):
        check_grammar(listed)
    change_card(dataset, categories=number_categories(["red square", "at (1,2),(3,4)"]))
    with pytest.raises(UserError, match=r"'at \(1,2\),\(3,4\)' is not read back"):
        check_grammar(listed)
    check_grammar(recipe)


@pytest.mark.parametrize("answer", ["Yes", "No", "The square is at <bbox>.", "[]", "<bbox>"])
def test_answers_of_another_form_are_refused(recipe: InferRecipe, dataset: Any, answer: str) -> None:
    path = dataset.path / "val.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[4]["messages"][-1]["content"] = answer
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UserError, match=r"val\.jsonl, line 5: .* set grammar=none"):
        check_grammar(recipe)
    check_grammar(replace(recipe, limit=4))
    check_grammar(replace(recipe, grammar="none"))


def test_descriptions_need_their_key(recipe: InferRecipe, dataset: Any) -> None:
    path = dataset.path / "val.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[1]["messages"][-1]["content"] += ': "seen from (1,2),(3,4)"'
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(
        UserError, match="line 2: the answer describes objects: set grammar_descriptions=true"
    ):
        check_grammar(recipe)
    check_grammar(replace(recipe, grammar_descriptions=True))


def test_a_label_that_is_no_category_is_named(recipe: InferRecipe, dataset: Any) -> None:
    change_card(dataset, categories=number_categories(["green circle"]))
    with pytest.raises(UserError, match=r"line 1: .*red square"):
        check_grammar(replace(recipe, grammar_labels="categories"))


def test_answers_in_words_are_no_answers_of_the_grammar(recipe: InferRecipe, dataset: Any) -> None:
    path = dataset.path / "val.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    mark = {"box": [1, 2, 300, 400], "show": "text", "label": None, "phrases": ["a cat"]}
    words = {"messages": [rows[0]["messages"][0], {"role": "assistant", "content": "a cat"}]}
    others = [
        {"images": rows[0]["images"], **words, "region": mark},
        {"images": rows[0]["images"], **words, "yes_no": "truth"},
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in [*others, *rows]), encoding="utf-8")
    check_grammar(recipe)
    del others[0]["region"]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in [*others, *rows]), encoding="utf-8")
    with pytest.raises(UserError, match="'a cat' is no answer that grammar=objects"):
        check_grammar(recipe)


def test_answers_about_several_pictures_have_their_own_grammar(recipe: InferRecipe, dataset: Any) -> None:
    join_questions(dataset.path)
    check_grammar(recipe)
    path = dataset.path / "val.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace("Image 2: ", "Image 9: "), encoding="utf-8")
    with pytest.raises(UserError, match=r"line 1: 'Image 1: .* is no answer that grammar=objects"):
        check_grammar(recipe)
