"""Pixel values come back from 8 bits as the image processor made them, or are not stored."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from grounding.errors import UserError
from models.processors import load_processor
from train.cached.pixel_levels import find_levels, to_levels, to_values
from train.image_limits import limit_images


@pytest.fixture(scope="module", params=[None, False], ids=["fast", "slow"])
def image_processor(request: pytest.FixtureRequest, tiny_model: Path) -> Any:
    processor = load_processor(tiny_model, use_fast=request.param)
    limit_images(processor, {"max_pixels": 65536})
    return processor.image_processor


@pytest.mark.parametrize("size", [(64, 64), (301, 83), (17, 400), (500, 333)])
def test_values_come_back_bit_by_bit(image_processor: Any, size: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    levels = find_levels(image_processor)
    made = image_processor([Image.fromarray(noise)], return_tensors="pd")["pixel_values"].numpy()
    patches = to_levels(made, levels, image_processor)
    assert patches is not None
    assert patches.nbytes * 8 == made.nbytes
    again = to_values(patches, levels, image_processor.temporal_patch_size)
    assert again.dtype == made.dtype
    assert again.tobytes() == made.tobytes()


def test_values_that_do_not_follow_from_8_bits_are_refused(image_processor: Any) -> None:
    levels = find_levels(image_processor)
    made = image_processor([Image.new("RGB", (64, 64), "red")], return_tensors="pd")["pixel_values"].numpy()
    between = made.copy()
    between[3, 5] = np.nextafter(between[3, 5], np.float32(2))
    assert to_levels(between, levels, image_processor) is None
    moving = made.copy()
    moving[:, image_processor.patch_size**2] = levels[0][1]  # the second frame of a patch is another
    assert to_levels(moving, levels, image_processor) is None
    assert to_levels(made, levels, image_processor) is not None


def test_a_processor_with_fewer_values_is_refused(image_processor: Any) -> None:
    import paddle

    def rounded(*arguments: Any, **options: Any) -> Any:
        made = image_processor.preprocess(*arguments, **options)
        return {"pixel_values": (paddle.to_tensor(made["pixel_values"]) * 4).round() / 4}

    stand_in = type("Rounding", (), {**vars(image_processor), "__call__": staticmethod(rounded)})()
    with pytest.raises(UserError, match="cannot be cached"):
        find_levels(stand_in)
