"""Values that no pass could use are refused by their key."""

from pathlib import Path
from typing import Any

import pytest

from train.fisher.fisher_settings import FisherSettings


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"limit": 0}, "limit: 0 is less than 1"),
        ({"seed": 0}, "seed: 0 is less than 1"),
        ({"max_seq_len": -1}, "max_seq_len: -1 is less than 1"),
        ({"min_pixels": 0}, "min_pixels: 0 is less than 1"),
        ({"min_pixels": 5000, "max_pixels": 4096}, "min_pixels: 5000 is more than max_pixels: 4096"),
    ],
)
def test_other_values_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FisherSettings(**changes)


def test_equal_bounds_and_no_limit_pass_and_the_file_lies_beside_the_checkpoint() -> None:
    settings = FisherSettings(limit=None, min_pixels=4096, max_pixels=4096)
    assert settings.output_path(Path("model")) == Path("model/fisher/fisher.safetensors")
    assert FisherSettings(output="other.safetensors").output_path(Path("model")) == Path("other.safetensors")
