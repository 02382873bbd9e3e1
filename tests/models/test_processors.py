"""Settings of image processors that no model has are named before anything computes with them."""

from pathlib import Path

import pytest

from grounding.errors import UserError
from models.libraries import blaming
from models.processors import MOST_PIXELS, check_image_settings

GOOD = {
    "patch_size": 16,
    "merge_size": 2,
    "size": {"shortest_edge": 1024, "longest_edge": 1 << 24},
    "min_pixels": None,
    "image_mean": [0.5, 0.5, 0.5],
    "rescale_factor": 1 / 255,
}


def test_real_settings_are_taken() -> None:
    check_image_settings(GOOD, "here")
    check_image_settings({}, "here")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("patch_size", "16"),
        ("patch_size", 10**6),
        ("merge_size", 0),
        ("size", 5),
        ("size", {"shortest_edge": True}),
        ("max_pixels", MOST_PIXELS + 1),
        ("image_mean", [0.5, float("nan"), 0.5]),
        ("image_std", 1),
        ("rescale_factor", None),
    ],
)
def test_a_setting_that_no_model_has_is_named(name: str, value: object) -> None:
    with pytest.raises(UserError, match=f"here: {'shortest_edge' if isinstance(value, dict) else name} is"):
        check_image_settings({**GOOD, name: value}, "here")


def test_what_a_library_raises_is_an_error_of_the_folder() -> None:
    said = "M: not usable as a model: KeyError: 'rope': copy or download"
    with pytest.raises(UserError, match=said), blaming(Path("M"), "model"):
        raise KeyError("rope")
    with pytest.raises(UserError, match=r"^the reason$"), blaming(Path("M"), "model"):
        raise UserError("the reason")
