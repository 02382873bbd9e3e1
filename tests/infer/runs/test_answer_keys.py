import dataclasses

from infer.engines.settings import EngineSettings
from infer.recipe import InferRecipe
from infer.runs.answer_keys import SAME_CONFIDENCE, answer_keys, describe_changed_keys

RECIPE = InferRecipe(checkpoint="x", dataset="d", output_dir="o")


def test_every_key_is_either_compared_or_named_as_one_that_changes_nothing() -> None:
    names = {field.name for field in dataclasses.fields(InferRecipe)}
    assert names >= set(SAME_CONFIDENCE)
    assert answer_keys(RECIPE).keys() == names - set(SAME_CONFIDENCE)
    assert {"temperature", "top_p", "per_category", "zoom", "verify", "answer_units"} <= answer_keys(
        RECIPE
    ).keys()


def test_changed_keys_are_named_with_both_values() -> None:
    other = dataclasses.replace(RECIPE, temperature=0.5, zoom="tiles", batch_size=99)
    assert describe_changed_keys(answer_keys(RECIPE), answer_keys(other)) == (
        "temperature=0.5 (was 0.0), zoom=tiles (was none)"
    )


def test_marks_change_no_box() -> None:
    marked = dataclasses.replace(RECIPE, verify="mark")
    assert describe_changed_keys(answer_keys(RECIPE), answer_keys(marked)) == ""


def test_a_key_that_one_side_does_not_have_has_its_default() -> None:
    engine = answer_keys(EngineSettings(checkpoint="x"))
    assert "per_category" not in engine
    assert describe_changed_keys(answer_keys(RECIPE), engine) == ""
    zoomed = answer_keys(dataclasses.replace(RECIPE, zoom="tiles"))
    assert describe_changed_keys(zoomed, engine) == "zoom=none (was tiles)"
