"""The first guess at what a click means: the pixels around it that have its colour.

A tolerance decides how far colours may differ. Which one is right depends on the picture, so all of a list
are tried, and the region counts that changes least from one tolerance to the next: it ends at an edge.
Source of the idea: Matas et al., Robust Wide Baseline Stereo from Maximally Stable Extremal Regions, BMVC
2002, with the distance to the click's colour in the place of the grey value.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from grounding.images.region_pictures import Mask

Pixel = tuple[int, int]
"""x and y of a pixel."""

TOLERANCES = (3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 19, 22, 26, 30, 35, 40, 47, 54)
"""Distances in CIELAB; 2.3 is just noticeable."""

LEAST_PIXELS = 12
"""A smaller region is noise around the click."""

GROUND_SHARE = 0.6
"""A region of more than this share of the picture counts only where no smaller one does."""


def grow_region(pixels: npt.NDArray[np.uint8], wanted: Sequence[Pixel], unwanted: Sequence[Pixel]) -> Mask:
    """Return the region of all wanted pixels; none of the unwanted ones belongs to it.

    `pixels` are RGB, shape (height, width, 3).
    """
    smooth = cv2.bilateralFilter(pixels, 5, 20, 3)  # noise goes, edges stay
    colours = cv2.cvtColor(smooth.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).astype(np.float32)
    region = np.zeros(pixels.shape[:2], dtype=np.bool_)
    for pixel in wanted:
        region |= _grow_one(colours, pixel, unwanted)
    return region


def connected_part(mask: Mask, pixel: Pixel) -> Mask:
    """Return one pixel, and the pixels of a mask that are connected to it by their sides."""
    x, y = pixel
    marked = mask.astype(np.uint8)
    marked[y, x] = 1
    _, parts = cv2.connectedComponents(marked, connectivity=4)
    return np.asarray(parts == parts[y, x])


def _grow_one(colours: npt.NDArray[np.float32], pixel: Pixel, unwanted: Sequence[Pixel]) -> Mask:
    x, y = pixel
    around = colours[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].reshape(-1, 3)
    distance = np.linalg.norm(colours - np.median(around, axis=0), axis=2)
    regions = [connected_part(distance <= tolerance, pixel) for tolerance in TOLERANCES]
    allowed = [region for region in regions if not any(region[v, u] for u, v in unwanted)]
    if not allowed:  # an unwanted pixel of the very colour, beside the wanted one
        return connected_part(np.zeros_like(regions[0]), pixel)
    return allowed[_most_stable([int(region.sum()) for region in allowed], distance.size)]


def _most_stable(areas: Sequence[int], pixels: int) -> int:
    """Return the place of the area that grows least with the tolerance, both on a logarithmic scale."""
    if len(areas) < 3:
        return len(areas) - 1
    growth = np.gradient(np.log(areas), np.log(TOLERANCES[: len(areas)]))
    candidates = [place for place in range(1, len(areas) - 1) if areas[place] >= LEAST_PIXELS]
    objects = [place for place in candidates if areas[place] <= GROUND_SHARE * pixels]
    if chosen := objects or candidates:
        return min(chosen, key=lambda place: growth[place])
    return len(areas) // 2
