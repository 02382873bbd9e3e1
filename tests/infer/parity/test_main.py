"""The command compares in full float32, also on GPUs."""

import os
from pathlib import Path
from typing import Any

import pytest

from infer.parity.__main__ import TENSOR_FLOAT32, main


@pytest.mark.parametrize(("given", "seen"), [(None, "0"), ("1", "1")])
def test_tf32_is_off_unless_the_user_says_otherwise(
    given: str | None, seen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environments: list[str | None] = []

    def compare(folder: Path, settings: Any) -> list[Any]:
        del folder, settings
        environments.append(os.environ.get(TENSOR_FLOAT32))
        return []

    monkeypatch.setenv(TENSOR_FLOAT32, given or "")
    if given is None:
        monkeypatch.delenv(TENSOR_FLOAT32)
    monkeypatch.setattr("infer.parity.comparing.compare_engines", compare)
    assert main(["checkpoint"]) == 0
    assert environments == [seen]
