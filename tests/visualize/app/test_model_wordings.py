import pytest

from grounding.card import Card, save_card
from grounding.categories import number_categories
from grounding.errors import UserError
from visualize.app.model_wordings import choose_wordings, find_dataset

EN, ZH = "expression.en1", "expression.zh1"
PHRASES = {EN: 'Find "{expression}".', ZH: "找到“{expression}”。"}


def write_card(folder, prompts, answer_format="objects"):
    folder.mkdir(parents=True, exist_ok=True)
    categories = number_categories(["cat", "dog"])
    save_card(Card("Be brief.", prompts, answer_format, categories, "none", {}, {}), folder)
    return folder


def test_the_question_about_everything_is_the_trained_one(tmp_path):
    wordings = choose_wordings(write_card(tmp_path, {"task.en1": "Task: Object Detection"}))
    assert wordings.system == "Be brief."
    assert wordings.ask_everything() == "Task: Object Detection"
    assert (wordings.knows_everything, wordings.knows_phrases) == (True, False)
    assert '"red cup"' in wordings.ask_phrase("red cup")


def test_yes_no_questions_and_those_for_words_ask_for_no_objects(tmp_path):
    prompts = {"yes_no.en1": "Is it {label}?", "yes_no_text.en1": "Is {box} {label}?", "task.en1": "All."}
    prompts = {"describe.en1": "What is it?", "describe_box.en1": "What is at {box}?", **prompts}
    wordings = choose_wordings(write_card(tmp_path, prompts))
    assert wordings.ask_everything() == "All."
    assert not wordings.knows_phrases


def test_categories_are_filled_in_as_they_were_trained(tmp_path):
    wordings = choose_wordings(write_card(tmp_path, {"categories.en1": "Find: {categories}."}))
    assert wordings.ask_everything() == "Find: cat, dog."


def test_candidates_of_the_training_are_known(tmp_path):
    prompts = {"task.en1": "All."}
    assert not choose_wordings(write_card(tmp_path, prompts)).knows_candidates
    assert not choose_wordings(None).knows_candidates
    listed = choose_wordings(write_card(tmp_path, {**prompts, "candidates.en1": "Boxes:\n{candidates}"}))
    assert (listed.knows_candidates, listed.ask_everything()) == (True, "All.")


def test_a_phrase_is_asked_for_in_its_language(tmp_path):
    wordings = choose_wordings(write_card(tmp_path, PHRASES))
    assert wordings.ask_phrase("red cup") == 'Find "red cup".'
    assert wordings.ask_phrase("红色杯子") == "找到“红色杯子”。"
    assert (wordings.knows_everything, wordings.knows_phrases) == (False, True)


def test_a_category_is_asked_for_as_such_where_there_is_a_choice(tmp_path):
    prompts = {EN: 'Find "{expression}".', "category.en1": "Find every {category}."}
    wordings = choose_wordings(write_card(tmp_path, prompts))
    assert wordings.ask_phrase("cat") == "Find every cat."
    assert wordings.ask_phrase("the cat on the left") == 'Find "the cat on the left".'


def test_a_computed_phrase_is_asked_for_as_a_phrase(tmp_path):
    prompts = {"category.en1": "Find every {category}.", "relation.en1": "Find {relation} in the image."}
    words = choose_wordings(write_card(tmp_path, prompts))
    assert words.knows_phrases
    assert not words.knows_everything
    assert words.ask_phrase("the leftmost cup") == "Find the leftmost cup in the image."
    assert words.ask_phrase("cat") == "Find every cat."


def test_asked_back_in_other_words_where_there_are_any(tmp_path):
    one = choose_wordings(write_card(tmp_path / "one", {EN: 'Find "{expression}".'}))
    assert one.ask_phrase("cup", 'Find "cup".') == 'Find "cup".'
    two = {EN: 'Find "{expression}".', "expression.en2": "Where is {expression}?"}
    wordings = choose_wordings(write_card(tmp_path / "two", two))
    assert wordings.ask_phrase("cup", 'Find "cup".') == "Where is cup?"


def test_words_that_ask_for_json_go_to_models_that_answer_so(tmp_path):
    prompts = {"task.en1": "Task: Object Detection"}
    assert "JSON" in choose_wordings(write_card(tmp_path / "a", prompts, "json")).ask_phrase("cup")
    assert "JSON" not in choose_wordings(write_card(tmp_path / "b", prompts)).ask_phrase("cup")


def test_without_a_data_set_qwens_own_words_are_used():
    wordings = choose_wordings(None)
    assert wordings.ask_everything().startswith("Locate every instance")
    assert "person, bicycle" in wordings.ask_everything()
    assert wordings.ask_phrase("cup").startswith("Locate every object")
    assert wordings.dataset is None


def test_the_data_set_is_that_of_the_training_recipe(tmp_path):
    data = write_card(tmp_path / "data", {"task.en1": "Task: Object Detection"})
    run = tmp_path / "run"
    (run / "export").mkdir(parents=True)
    (run / "train.yaml").write_text(f"train_dataset_path: {data}/train.jsonl,other/train.jsonl\n")
    assert find_dataset(run, None) == data
    assert find_dataset(run / "export", None) == data
    assert find_dataset(run, tmp_path) == tmp_path
    (data / "card.json").unlink()
    assert find_dataset(run, None) is None
    assert find_dataset(tmp_path / "elsewhere", None) is None


def test_a_data_set_that_was_named_must_be_one(tmp_path):
    with pytest.raises(UserError, match=r"card\.json"):
        choose_wordings(tmp_path)
