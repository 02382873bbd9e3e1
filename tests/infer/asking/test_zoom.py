from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from grounding.answers.writer import write_answer
from grounding.boxes import Box, Size, iou
from grounding.samples import Detection
from infer.asking.dataset_questions import Question
from infer.asking.ways import ask_batch
from infer.asking.zoom import is_cut, tiles
from infer.engines.protocol import Request
from infer.recipe import InferRecipe
from tests.infer.asking.color_engine import LARGE, SIZE, SMALL, ColorEngine, ious


@pytest.mark.parametrize("least", [0.002, 0.1])
def test_tiles_show_what_is_small_in_the_whole(
    recipe: InferRecipe, questions: list[Question], least: float
) -> None:
    engine = ColorEngine(least)
    (plain,) = ask_batch(engine, questions[:1], recipe)
    assert not ious(plain.detections, SMALL)
    (closer, nothing) = ask_batch(engine, questions, replace(recipe, zoom="tiles"))
    assert [value > 0.8 for value in ious(closer.detections, SMALL)] == [True] * (least < 0.1)
    # The large one is cut by every tile: the first look's box stays.
    assert ious(closer.detections, LARGE)[0] == ious(plain.detections, LARGE)[0]
    assert nothing.detections == ()


def test_a_closer_look_around_boxes_measures_finer(recipe: InferRecipe, questions: list[Question]) -> None:
    coarse = Detection("red", Box(19, 28, 33, 42))

    class Coarse(ColorEngine):
        def _answer(self, request: Request) -> str:
            with Image.open(request.picture) as image:
                is_whole = image.size == (SIZE.width, SIZE.height)
            return write_answer("json", [coarse], SIZE).content if is_whole else super()._answer(request)

    (answered,) = ask_batch(Coarse(), questions[:1], replace(recipe, zoom="boxes"))
    assert iou(coarse.box, SMALL.box) < 0.7
    assert ious(answered.detections, SMALL)[0] > 0.9
    assert len(answered.detections) == 1


def test_tiles_cover_the_image_and_overlap() -> None:
    size = Size(401, 299)
    regions = tiles(size)
    seen = np.zeros((size.height, size.width), int)
    for region in regions:
        x1, y1, x2, y2 = map(int, region.xyxy)
        assert (x1, y1, x2, y2) == region.xyxy
        seen[y1:y2, x1:x2] += 1
    assert seen.min() == 1
    assert seen.max() == 4
    assert is_cut(Box(10, 10, regions[0].x2, 20), regions[0], size)
    assert not is_cut(Box(0, 0, 20, 20), regions[0], size)
