from collections.abc import Callable
from pathlib import Path

import pytest

from prepare.inspect.inspection import Plan, inspect_folder

Inspect = Callable[..., tuple[Path, str]]


@pytest.fixture
def inspect(tmp_path: Path) -> Inspect:
    """Inspect tmp_path/source, or another folder, and return the recipe's path and the report."""

    def look(*words: str, folder: Path | None = None, is_overwriting: bool = False) -> tuple[Path, str]:
        said: list[str] = []
        recipe = tmp_path / "out" / "dataset.yaml"
        inspect_folder(Plan(folder or tmp_path / "source", recipe, is_overwriting), words, said.append)
        return recipe, "\n".join(said)

    return look
