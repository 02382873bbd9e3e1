import logging

import numpy as np
import pytest
from PIL import ExifTags, Image

from grounding.boxes import Box
from grounding.samples import Detection
from tests.visualize.scenes import GOLDEN, SCENES, striped
from visualize.draw.colors import label_color
from visualize.draw.drawing import draw_detections, draw_marks, draw_outcomes
from visualize.draw.marks import CANDIDATE_COLOR, Mark, candidate_marks, detection_marks


@pytest.mark.parametrize("name", SCENES)
def test_a_scene_looks_as_it_did(name):
    drawn, golden = SCENES[name](), Image.open(GOLDEN / f"{name}.png").convert("RGB")
    assert drawn.size == golden.size
    difference = np.abs(np.asarray(drawn, int) - np.asarray(golden, int)).max(axis=2)
    # Another FreeType may smooth letters otherwise; a box or a label that moves changes far more.
    assert (difference > 48).mean() < 0.002


@pytest.mark.parametrize("side", [1, 5, 64, 640, 2000])
def test_any_size_can_be_drawn_on(side):
    item = Detection("red square with a long name", Box(side * 0.2, side * 0.2, side * 0.7, side * 0.8), 0.5)
    drawn = draw_detections(Image.new("RGB", (side, side)), [item])
    assert drawn.size == (side, side)
    assert label_color(item.label) in {color for _, color in drawn.getcolors(maxcolors=1 << 24)}


@pytest.mark.parametrize("ground", [(0, 0, 0), (255, 255, 255)])
def test_a_box_stands_out_from_its_own_colour_and_from_black_and_white(ground):
    color = label_color("dog")
    for background in (ground, color):
        drawn = draw_detections(
            Image.new("RGB", (400, 300), background), [Detection("dog", Box(100, 100, 300, 200))]
        )
        row = [drawn.getpixel((x, 180)) for x in range(90, 110)]
        assert color in row
        assert len(set(row)) > 1


def test_only_the_surroundings_of_a_line_change():
    drawn = np.asarray(
        draw_detections(Image.new("RGB", (400, 300)), [Detection("a", Box(100, 100, 300, 200))])
    )
    assert drawn[110:190, 110:290].sum() == 0
    assert drawn[215:].sum() == 0
    assert drawn[150, 98:102].sum() > 0
    assert drawn[150, 298:302].sum() > 0


def test_boxes_outside_the_image_or_without_area_do_no_harm(caplog):
    boxes = [Box(-50, -50, 500, 500), Box(900, 900, 950, 950), Box(20, 20, 20, 20), Box(40, 40, 10, 10)]
    boxes.append(Box(float("nan"), 0, 1, 1))
    with caplog.at_level(logging.WARNING):
        drawn = draw_detections(Image.new("RGB", (100, 80)), [Detection("a", box) for box in boxes])
    assert drawn.size == (100, 80)
    assert "1 boxes with NaN" in caplog.text


def test_labels_are_upright_where_the_exif_data_turn_the_image():
    image = Image.new("RGB", (200, 100))
    image.getexif()[ExifTags.Base.Orientation] = 6
    turned = draw_detections(image, [Detection("dog", Box(30, 20, 70, 60), 0.9)])
    plain = draw_detections(Image.new("RGB", (100, 200)), [Detection("dog", Box(30, 20, 70, 60), 0.9)])
    assert turned.tobytes() == plain.tobytes()


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "I;16", "LA", "RGBA"])
def test_any_mode_can_be_drawn_on(mode):
    drawn = draw_detections(Image.new(mode, (80, 60)), [Detection("dog", Box(10, 20, 50, 50))])
    assert (drawn.mode, drawn.size) == ("RGB", (80, 60))


def test_the_same_picture_comes_out_twice():
    items = [Detection(f"l{n}", Box(n, n, n + 40, n + 30)) for n in range(0, 200, 10)]
    first, second = (draw_detections(striped(300, 260), items).tobytes() for _ in range(2))
    assert first == second


def test_the_legend_is_below_the_image():
    drawn = draw_outcomes(Image.new("RGB", (640, 480)), [], [])
    assert drawn.width == 640
    assert 500 < drawn.height < 560
    assert not np.asarray(drawn)[:480].any()


@pytest.mark.parametrize("side", [120, 400, 1600])
@pytest.mark.parametrize("count", [2, 14])
def test_candidates_hide_little_of_the_answers_on_pictures_of_any_size(side, count):
    answers = detection_marks(
        [
            Detection(f"n{n}", Box(x, y, x + side * 0.12, y + side * 0.1), 0.5)
            for n in range(count)
            for x, y in [(side * (0.05 + n % 4 * 0.24), side * (0.12 + n // 4 * 0.22))]
        ]
    )
    off = side * 0.02
    candidates = candidate_marks(
        [Detection("x", Box(m.box.x1 - off, m.box.y1 + off, m.box.x2, m.box.y2 + off)) for m in answers]
    )
    plain = np.asarray(striped(side, side), int)
    alone, both = (striped(side, side) for _ in range(2))
    draw_marks(alone, answers)
    draw_marks(both, [*candidates, *answers])
    answered = (np.asarray(alone, int) != plain).any(axis=2)
    changed = (np.asarray(alone, int) != np.asarray(both, int)).any(axis=2)
    assert (answered & changed).sum() < 0.05 * answered.sum()
    assert (np.asarray(both) == CANDIDATE_COLOR).all(axis=2).sum() > 40 * count  # dashes and numbers


def test_numbers_of_candidates_hide_neither_other_candidates_nor_answers():
    grid = [Box(x, y, x + 11, y + 11) for x in range(30, 250, 19) for y in range(30, 250, 19)]
    listed, answers = grid[::2], grid[1::2]
    plain = striped(300, 300)
    picture = plain.copy()
    marks = [Mark(box, "", "", (0, 158, 115)) for box in answers]  # their own labels hide some
    draw_marks(picture, [*candidate_marks([Detection("x", box) for box in listed]), *marks])
    before, after = np.asarray(plain), np.asarray(picture)
    for box in grid:
        left, top, right, bottom = (int(value) for value in box.xyxy)
        inside = np.s_[top + 3 : bottom - 3, left + 3 : right - 3]
        hidden = (before[inside] != after[inside]).any(axis=2)
        assert hidden.mean() < 0.4  # at most a line to a number
    lone = striped(300, 300)
    draw_marks(lone, candidate_marks([Detection("x", grid[40])]))
    left, top, right, _ = (int(value) for value in grid[40].xyxy)
    above = np.asarray(lone)[top - 12 : top - 2, left:right]
    assert (above == CANDIDATE_COLOR).all(axis=2).mean() > 0.4  # where there is room, the number is there
