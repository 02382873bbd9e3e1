from pathlib import Path

import pytest

from grounding.errors import UserError
from infer.scoring.comparison import named_runs


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["=x"], "is not NAME=DIR"),
        (["a=one", "a=two"], "the name 'a' is taken"),
        (["comparison=one"], "the name 'comparison' is taken"),
    ],
)
def test_names_are_checked(given: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        named_runs(given)


def test_a_folder_may_hold_an_equals_sign(tmp_path: Path) -> None:
    folder = tmp_path / "lr=1"
    folder.mkdir()
    assert named_runs([str(folder), "b=x/y", "z/w"]) == {
        "lr=1": folder, "b": Path("x/y"), "w": Path("z/w"),
    }  # fmt: skip
