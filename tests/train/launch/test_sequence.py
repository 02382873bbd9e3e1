from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from grounding.errors import UserError
from train.launch.sequence import plan_sequence, train_sequence
from train.recipe import resolve_recipe

Make = Callable[..., Path]


@pytest.fixture
def make(make_recipe: Make, tmp_path: Path) -> Make:
    """Write a recipe of a sequence: its name, and the name of the recipe that it starts from."""

    def write(name: str, start: str | None = None, **changes: object) -> Path:
        folders: dict[str, object] = {
            "output_dir": str(tmp_path / "runs" / name),
            "logging_dir": str(tmp_path / "runs" / name / "visualdl"),
        }
        if start:
            folders["model_name_or_path"] = str(tmp_path / "runs" / start)
        return make_recipe(**folders, **changes).rename(tmp_path / f"{name}.yaml")

    return write


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What would have been trained: each recipe's name and values."""
    calls: list[tuple[str, dict[str, Any]]] = []

    def train(path: Path, overrides: tuple[str, ...]) -> int:
        calls.append((path.stem, resolve_recipe(path, overrides)))
        return 3 if path.stem == "broken" else 0

    monkeypatch.setattr("train.launch.sequence.train", train)
    return calls


def test_a_sequence_is_trained_in_order_though_a_later_model_is_not_there_yet(
    make: Make, tmp_path: Path, started: list[tuple[str, dict[str, Any]]]
) -> None:
    paths = [make("one"), make("two", "one"), make("three", "two")]
    assert train_sequence(paths, ["max_steps=2"]) == 0
    assert [name for name, _ in started] == ["one", "two", "three"]
    assert [values["max_steps"] for _, values in started] == [2, 2, 2]
    assert [Path(values["model_name_or_path"]).name for _, values in started] == ["base", "one", "two"]


def test_a_model_that_no_recipe_of_the_sequence_writes_is_missed(
    make: Make, started: list[tuple[str, dict[str, Any]]]
) -> None:
    with pytest.raises(UserError, match="no such folder"):
        train_sequence([make("one"), make("two", "elsewhere")])
    with pytest.raises(UserError, match="no such folder"):
        train_sequence([make("two", "one"), make("one")])  # the wrong order
    assert not started


def test_all_are_checked_before_the_first_starts(
    make: Make, started: list[tuple[str, dict[str, Any]]]
) -> None:
    paths = [make("one"), make("two", "one", template="qwen3_vl"), make("three", "two", seed=0)]
    with pytest.raises(UserError) as caught:
        train_sequence(paths)
    assert "two.yaml: template: qwen3_vl" in str(caught.value)
    assert "three.yaml: seed: 0" in str(caught.value)
    assert not started


def test_a_failure_ends_the_sequence_with_its_exit_code(
    make: Make, started: list[tuple[str, dict[str, Any]]], caplog: pytest.LogCaptureFixture
) -> None:
    assert train_sequence([make("one"), make("broken", "one"), make("three", "broken")]) == 3
    assert [name for name, _ in started] == ["one", "broken"]
    assert "the sequence ends here" in caplog.text


def test_overrides_keep_a_sequence_together(make: Make, tmp_path: Path) -> None:
    paths = [make("one"), make("two", "one")]
    words = ["model_name_or_path=Qwen/Other", f"output_dir={tmp_path / 'there'}", "seed=5"]
    first, second = (resolve_recipe(step.path, step.overrides) for step in plan_sequence(paths, words))
    assert first["model_name_or_path"] == "Qwen/Other"
    assert first["output_dir"] == str(tmp_path / "there" / "one")
    assert second["model_name_or_path"] == first["output_dir"]
    assert second["output_dir"] == str(tmp_path / "there" / "two")
    assert second["logging_dir"] == f"{second['output_dir']}/visualdl"
    assert (first["seed"], second["seed"]) == (5, 5)


def test_once_a_model_is_written_it_is_the_one_that_is_checked(make: Make, tmp_path: Path) -> None:
    _, second = plan_sequence([make("one"), make("two", "one")])
    assert second.words_for_check()[-1].startswith("model_name_or_path=")
    assert second.stand_in in second.words_for_check()[-1]
    (tmp_path / "runs" / "one").mkdir(parents=True)
    (tmp_path / "runs" / "one" / "model.safetensors").write_text("weights")
    assert str(tmp_path / "runs" / "one") in second.words_for_check()[-1]


def test_two_recipes_with_one_folder_are_refused(make: Make, make_recipe: Make) -> None:
    one = make("one")
    values = yaml.safe_load(one.read_text())
    other = make_recipe(**values)
    with pytest.raises(UserError, match=r"recipe\.yaml: its output_dir .* is that of .*one\.yaml, too"):
        plan_sequence([one, other])
    values["output_dir"] = str(one.parent / "elsewhere" / "one")
    assert len(plan_sequence([one, make_recipe(**values)])) == 2
    with pytest.raises(UserError, match="its output_dir 'there/one' is that of"):
        plan_sequence([one, make_recipe(**values)], ["output_dir=there"])


def test_an_adapter_is_no_model_to_start_from(make: Make) -> None:
    with pytest.raises(UserError, match="trains an adapter"):
        plan_sequence([make("one", fine_tuning="LoRA", lora_rank=8), make("two", "one")])
