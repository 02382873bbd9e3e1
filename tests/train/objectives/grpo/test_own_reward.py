"""A reward of the user's own: what a good one gives, and what is said of a bad one before anything starts."""

from pathlib import Path

import pytest

from grounding.errors import UserError
from grounding.reward import answer_reward
from grounding.samples import Reading
from train.objectives.grpo.own_reward import EXAMPLE, load_reward
from train.preflight.objective_keys.grpo_keys import grpo_files
from train.recipe import TrainRecipe

COUNT = "def count(reading, wanted, problems):\n    return len(reading.detections) - len(wanted)\n"


def written(folder: Path, text: str) -> Path:
    file = folder / "mine.py"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_function_in_a_file_gives_the_reward(tmp_path: Path) -> None:
    reward = load_reward(f"{written(tmp_path, COUNT)}:count")
    assert reward(Reading((EXAMPLE, EXAMPLE), ()), (EXAMPLE,), ()) == 1.0
    assert load_reward("boxes") is answer_reward


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "no such file"),
        ("x = 1\n", "no function 'count'"),
        ("count = 1\n", "no function 'count'"),
        ("import no_such_module\n", "cannot be run: ModuleNotFoundError: No module named"),
        ("def count(:\n", "cannot be run: SyntaxError"),
        ("def count():\n    return 1.0\n", "TypeError: count"),
        ("def count(*given):\n    return None\n", "returned None: a reward must be a finite number"),
        ("def count(*given):\n    return float('nan')\n", "returned nan"),
        ("def count(reading, *given):\n    return reading.boxes\n", "AttributeError"),
    ],
)
def test_a_bad_one_is_refused_in_one_line(tmp_path: Path, text: str | None, words: str) -> None:
    file = tmp_path / "mine.py" if text is None else written(tmp_path, text)
    with pytest.raises(UserError, match=words) as refused:
        load_reward(f"{file}:count")
    assert "\n" not in str(refused.value)
    (problem,) = grpo_files(TrainRecipe({"grounding_grpo": {"reward": f"{file}:count"}}))
    assert problem.startswith("grounding_grpo.reward: ")
    assert words in problem
    assert str(file) in problem


def test_numbers_are_checked_at_every_answer(tmp_path: Path) -> None:
    file = written(tmp_path, "def share(reading, *given):\n    return 1 / len(reading.detections[1:]) - 1\n")
    with pytest.raises(UserError, match="ZeroDivisionError"):
        load_reward(f"{file}:share")
    file = written(tmp_path, "def odd(reading, *given):\n    return 1.0 if reading.detections else 'none'\n")
    with pytest.raises(UserError, match="returned 'none'"):
        load_reward(f"{file}:odd")(Reading((), ()), (), ())
