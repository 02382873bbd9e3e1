"""Masks by OpenCV's GrabCut: no weights, and the same mask for the same question.

Source: Rother, Kolmogorov and Blake, GrabCut: Interactive Foreground Extraction using Iterated Graph Cuts,
SIGGRAPH 2004. A click has no rectangle to begin with: `grown_region.py` finds one.
"""

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from grounding.boxes import Box, Size
from grounding.images.pixels import model_pixels
from grounding.images.region_pictures import Mask, box_mask
from infer.engines.segment.grown_region import GROUND_SHARE, connected_part, grow_region
from infer.engines.segment.segmenter import (
    Click,
    MaskPrompt,
    ScoredMask,
    check_inside,
    hull_box,
    obeying_clicks,
)

LONGEST_SIDE = 384
"""Larger pictures are cut at this size; time grows faster than the number of pixels."""

ROUNDS = 3
"""Of fitting colours and cutting; further ones move few pixels."""

LEAST_SAMPLES = 5
"""GrabCut describes either side by so many colours, and needs a pixel for each."""

MARGIN = 0.25
"""The object is looked for so far around its first guess, as a share of the guess's sides."""

LEAST_MARGIN = 2.0
"""Pixels that are added to each margin."""

FAR_MARGIN = 1.0
"""Pixels beyond this margin tell nothing about the object's surroundings, and are left out."""

LEAST_KEPT = 0.1
"""A cut that keeps less of the first guess than this has failed, and the guess is the answer."""

LEAST_PART = 0.1
"""Of a box's mask, parts smaller than this share of the largest are specks."""

Labels = npt.NDArray[np.uint8]
"""GrabCut's four values for each pixel, shape (height, width)."""


class GrabCutSegmenter:
    """Cuts an object out by its colours. One mask without a score; the same question gives the same mask."""

    def segment(self, picture: Image.Image, prompt: MaskPrompt) -> tuple[ScoredMask, ...]:
        """Return the mask of what the clicks or the box mean.

        Raises:
            UserError: as `check_inside`.
        """
        upright = model_pixels(picture)
        size = Size(*upright.size)
        check_inside(prompt, size)
        shrink = min(1.0, LONGEST_SIDE / max(size.width, size.height))
        small = Size(max(1, round(size.width * shrink)), max(1, round(size.height * shrink)))
        pixels = np.array(upright)
        if small != size:
            pixels = cv2.resize(pixels, (small.width, small.height), interpolation=cv2.INTER_AREA)
        mask = _cut(pixels, _scaled(prompt, size, small))
        if small != size:
            shares = cv2.resize(
                mask.astype(np.float32), (size.width, size.height), interpolation=cv2.INTER_LINEAR
            )
            mask = shares >= 0.5
        return (ScoredMask(obeying_clicks(mask, prompt)),)


def _scaled(prompt: MaskPrompt, size: Size, small: Size) -> MaskPrompt:
    """Return a prompt about a picture as one about the same picture in another size."""
    across, down = small.width / size.width, small.height / size.height
    clicks = tuple(
        Click(min(each.x * across, small.width - 1), min(each.y * down, small.height - 1), each.is_positive)
        for each in prompt.clicks
    )
    if prompt.box is None:
        return MaskPrompt(clicks)
    x1, y1, x2, y2 = prompt.box.xyxy
    return MaskPrompt(clicks, Box(x1 * across, y1 * down, x2 * across, y2 * down))


def _cut(pixels: npt.NDArray[np.uint8], prompt: MaskPrompt) -> Mask:
    """Return the mask of what a prompt means; clicks are inside of the picture."""
    size = Size(pixels.shape[1], pixels.shape[0])
    wanted, unwanted = (
        [(int(click.x), int(click.y)) for click in prompt.clicks if click.is_positive == is_positive]
        for is_positive in (True, False)
    )
    labels = np.full(pixels.shape[:2], cv2.GC_BGD, dtype=np.uint8)
    if prompt.box is not None:
        guess = box_mask(prompt.box, size)
        labels[guess] = cv2.GC_PR_FGD
    else:
        guess = grow_region(pixels, wanted, unwanted)
        if np.count_nonzero(guess) > GROUND_SHARE * guess.size:
            return guess  # the ground: what lies on it gives it no colours of its own
        labels[_around(guess, MARGIN)] = cv2.GC_PR_BGD
        labels[guess] = cv2.GC_FGD  # the cut adds to it: what it took from small guesses was mostly right
    for places, label in ((wanted, cv2.GC_FGD), (unwanted, cv2.GC_BGD)):
        for x, y in places:
            labels[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] = label
    mask = _refined(pixels, labels, _around(guess, FAR_MARGIN))
    if np.count_nonzero(mask & guess) < LEAST_KEPT * np.count_nonzero(guess):
        mask = guess
    if prompt.box is not None:
        return _without_specks(mask)
    return np.asarray(np.logical_or.reduce([connected_part(mask, pixel) for pixel in wanted]))


def _around(guess: Mask, margin: float) -> Mask:
    """Return the pixels of the box around a guess, with a margin on each side as a share of the box's."""
    hull = hull_box(guess)
    size = Size(guess.shape[1], guess.shape[0])
    if hull is None:
        return box_mask(Box(0, 0, size.width, size.height), size)
    width, height = hull.xywh[2:]
    across, down = margin * width + LEAST_MARGIN, margin * height + LEAST_MARGIN
    return box_mask(Box(hull.x1 - across, hull.y1 - down, hull.x2 + across, hull.y2 + down), size)


def _refined(pixels: npt.NDArray[np.uint8], labels: Labels, place: Mask) -> Mask:
    """Return the foreground that GrabCut finds in a place, a rectangle of the picture, from its labels."""
    hull = hull_box(place)
    assert hull is not None
    x1, y1, x2, y2 = map(int, hull.xyxy)
    part = np.ascontiguousarray(labels[y1:y2, x1:x2])
    is_foreground = (part == cv2.GC_FGD) | (part == cv2.GC_PR_FGD)
    samples = int(np.count_nonzero(is_foreground))
    if LEAST_SAMPLES <= samples <= part.size - LEAST_SAMPLES:
        cv2.setRNGSeed(0)  # of this thread: the first colours are found by chance
        colours = (np.zeros((1, 65)), np.zeros((1, 65)))
        cut = np.ascontiguousarray(pixels[y1:y2, x1:x2, ::-1])
        cv2.grabCut(cut, part, (0, 0, 1, 1), *colours, ROUNDS, cv2.GC_INIT_WITH_MASK)
        is_foreground = (part == cv2.GC_FGD) | (part == cv2.GC_PR_FGD)
    mask = np.zeros(labels.shape, dtype=np.bool_)
    mask[y1:y2, x1:x2] = is_foreground
    return mask


def _without_specks(mask: Mask) -> Mask:
    _, parts, measures, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = measures[1:, cv2.CC_STAT_AREA]  # without the ground
    if not len(areas):
        return mask
    large = 1 + np.flatnonzero(areas >= LEAST_PART * areas.max())
    return np.isin(parts, large)
