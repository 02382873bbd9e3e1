import json
from pathlib import Path
from typing import Any

import pytest

from grounding.boxes import Size
from grounding.errors import UserError
from models.resized_size import image_resizer

QWEN3 = {"patch_size": 16, "merge_size": 2, "size": {"shortest_edge": 65536, "longest_edge": 262144}}
QWEN25 = {"patch_size": 14, "merge_size": 2, "min_pixels": 3136, "max_pixels": 12_845_056}


@pytest.mark.parametrize(
    ("settings", "size", "seen"),
    [
        (QWEN3, Size(640, 480), Size(576, 416)),
        (QWEN3, Size(100, 100), Size(256, 256)),
        (QWEN25, Size(640, 480), Size(644, 476)),
        ({}, Size(640, 480), Size(640, 480)),
    ],
)
def test_the_settings_of_the_folder_decide(
    tmp_path: Path, settings: dict[str, Any], size: Size, seen: Size
) -> None:
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    assert image_resizer(tmp_path)(size) == seen


def test_settings_that_are_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_text('{"patch_size": "x"}')
    with pytest.raises(UserError, match=r"preprocessor_config\.json: patch_size is 'x'"):
        image_resizer(tmp_path)
