from pathlib import Path
from typing import Any

from infer.recipe import InferRecipe
from infer.suite.shared_engine import SharedEngine


def recipe(**changes: Any) -> InferRecipe:
    return InferRecipe(**({"checkpoint": "m", "dataset": "a", "output_dir": "b"} | changes))


def test_an_engine_is_kept_while_its_settings_stay() -> None:
    opened: list[Any] = []

    def open_engine(settings: Any) -> Any:
        opened.append(settings)
        return object()

    shared = SharedEngine(open_engine)
    first = shared(recipe())
    assert shared(recipe(dataset="c", output_dir="d", per_category=True)) is first
    second = shared(recipe(score="mean_logprob"))
    assert second is not first
    assert shared(recipe()) is not first
    assert len(opened) == 3


def test_labels_that_the_grammar_allows_are_part_of_the_settings(dataset: Any, tmp_path: Path) -> None:
    shared = SharedEngine(lambda settings: object())  # type: ignore[arg-type,return-value]
    keys = {"dataset": str(dataset.path), "grammar": "objects"}
    first = shared(recipe(**keys))
    assert shared(recipe(**keys)) is first
    assert shared(recipe(**keys, grammar_labels="categories")) is not first
