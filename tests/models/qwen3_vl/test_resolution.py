import ast
import importlib.util
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.boxes import Size
from models.qwen3_vl.resolution import FACTOR, training_size

sides = st.integers(1, 6000)
limits = st.integers(FACTOR**2, 2048**2)


@pytest.fixture(scope="module")
def smart_resize() -> Callable[..., tuple[int, int]]:
    """The function of the installed transformers; its module is not imported, which wants torch."""
    spec = importlib.util.find_spec("transformers")
    if spec is None or spec.origin is None:
        pytest.skip("transformers is not installed")
    path = Path(spec.origin).parent / "models" / "qwen2_vl" / "image_processing_qwen2_vl.py"
    names: dict[str, Any] = {"math": math}
    functions = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    (function,) = [node for node in functions if node.name == "smart_resize"]
    exec(compile(ast.Module([function], []), str(path), "exec"), names)
    return names["smart_resize"]


@given(sides, sides, limits, limits)
def test_equal_to_the_image_processor_of_transformers(
    smart_resize: Callable[..., tuple[int, int]], width: int, height: int, a: int, b: int
) -> None:
    low, high = sorted((a, b))
    if max(width, height) > 200 * min(width, height):
        with pytest.raises(ValueError, match="200 times"):
            training_size(Size(width, height), low, high)
        return
    size = training_size(Size(width, height), low, high)
    assert (size.height, size.width) == smart_resize(height, width, FACTOR, low, high)


def test_a_photograph() -> None:
    assert training_size(Size(640, 426)) == Size(640, 416)
    assert training_size(Size(4000, 3000)) == Size(1152, 864)
    assert training_size(Size(64, 64)) == Size(256, 256)
