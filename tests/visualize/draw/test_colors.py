import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visualize.draw.colors import BLACK, PALETTE, WHITE, assign_colors, contrast, label_color, text_color

# Source: Machado et al., IEEE TVCG 2009, simulation of colour vision deficiency at severity 1.
VISIONS = {
    "normal": np.eye(3),
    "protanopic": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopic": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}


def lab_of(color, vision):
    srgb = np.array(color) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(VISIONS[vision] @ linear, 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    ratio = to_xyz @ seen / np.array([0.9505, 1.0, 1.089])
    x, y, z = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize(
    ("label", "color"),
    [
        ("person", (204, 121, 167)),
        ("dog", (248, 243, 170)),
        ("红色方块", (204, 255, 241)),
        ("", (0, 114, 178)),
    ],
)
def test_a_label_keeps_the_colour_it_always_had(label, color):
    assert label_color(label) == color


def test_colours_are_the_same_in_another_process():
    code = (
        "from visualize.draw.colors import label_color; print([label_color(x) for x in ('cat', '猫', 'tv')])"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert answers == {f"{[label_color(x) for x in ('cat', '猫', 'tv')]}\n"}


@pytest.mark.parametrize("vision", VISIONS)
def test_no_two_colours_of_the_palette_look_alike(vision):
    distances = [
        np.linalg.norm(lab_of(first, vision) - lab_of(second, vision))
        for first, second in itertools.combinations(PALETTE, 2)
    ]
    assert min(distances) > 17


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_text_can_be_read_on_every_colour(color):
    assert contrast(text_color(color), color) >= 4.5


def test_contrast_is_that_of_the_standard():
    assert contrast(BLACK, WHITE) == pytest.approx(21)
    assert contrast((119, 119, 119), WHITE) == pytest.approx(4.48, abs=0.01)


@given(st.sets(st.text(max_size=8), max_size=len(PALETTE)))
def test_labels_of_one_image_have_different_colours(labels):
    colors = assign_colors(labels)
    assert set(colors) == labels
    assert len(set(colors.values())) == len(labels)


@given(st.lists(st.text(max_size=8), max_size=40), st.randoms())
def test_the_order_of_labels_plays_no_role(labels, random):
    shuffled = random.sample(labels, len(labels))
    assert assign_colors(labels) == assign_colors(shuffled)


def test_a_category_has_one_colour_in_all_images():
    categories = [f"category {number}" for number in range(len(PALETTE))]
    together = assign_colors(categories, categories)
    assert len(set(together.values())) == len(PALETTE)
    for label in categories:
        assert assign_colors([label], categories)[label] == together[label]


def test_more_labels_than_colours_repeat_colours():
    labels = [f"label {number}" for number in range(100)]
    assert set(assign_colors(labels, labels).values()) == set(PALETTE)
