"""Which regions are described: their boxes, their order, and what is left out."""

from collections.abc import Callable
from pathlib import Path

import pytest

from grounding.errors import UserError
from prepare.describe.describe_settings import DescribeSettings
from prepare.describe.described_regions import OVER_PER_IMAGE, TOO_SMALL, find_regions, first_regions

Make = Callable[..., DescribeSettings]


def test_the_seed_decides_the_order_and_limit_cuts_it(settings: Make, shapes: Path) -> None:
    found = find_regions(shapes, settings())
    assert find_regions(shapes, settings()) == found
    other = find_regions(shapes, settings(seed=1))
    assert other.images != found.images
    assert set(other.images) == set(found.images)
    for limit in range(1, found.count + 1):
        chosen = first_regions(found.images, limit)
        regions = [region for image in chosen for region in image.regions]
        assert len(regions) == limit
        assert regions == [region for image in found.images for region in image.regions][:limit]
    assert first_regions(found.images, None) == found.images


def test_small_regions_and_those_beyond_per_image_are_counted(settings: Make, shapes: Path) -> None:
    everything = find_regions(shapes, settings(min_side=1))
    large = find_regions(shapes, settings(min_side=50))
    assert 0 < large.count < everything.count
    assert large.left_out[TOO_SMALL] == everything.count - large.count
    one = find_regions(shapes, settings(per_image=1))
    assert one.count == len(one.images)
    assert one.left_out[OVER_PER_IMAGE] == everything.count - one.count
    for image in one.images:
        full = next(other for other in everything.images if other.name == image.name)
        assert image.regions[0].box.area == max(region.box.area for region in full.regions)


def test_val_has_the_sources_own_boxes(settings: Make, shapes: Path) -> None:
    found = find_regions(shapes, settings(split="val"))
    assert len(found.images) == 4
    assert all(side == int(side) for image in found.images for side in image.regions[0].box.xyxy)


def test_no_region_is_one_line(settings: Make, shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no region in split=train; region with a side shorter than min_side"):
        find_regions(shapes, settings(min_side=500))
    with pytest.raises(UserError, match="not a prepared data set"):
        find_regions(tmp_path, settings())
