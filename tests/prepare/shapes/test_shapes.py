import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageChops

from grounding.errors import UserError
from grounding.recipe.loading import load_recipe, load_settings
from prepare.pipeline import prepare_dataset
from prepare.recipe import PrepareRecipe
from prepare.shapes.picture import GROUND, render_scene
from prepare.shapes.scenes import COLOUR_VALUES, ShapeSettings, box_in_pixels, draw_scenes
from prepare.shapes.source_files import write_source

DEMO = Path(__file__).parents[3] / "recipes" / "prepare" / "demo.yaml"


def test_no_arrangement_is_repeated_so_none_of_val_is_in_train() -> None:
    settings = ShapeSettings()
    scenes = list(draw_scenes(settings))
    assert len(scenes) == settings.images + settings.val_images
    assert len(set(scenes)) == len(scenes)


def test_objects_are_in_class_order_once_each_and_apart() -> None:
    settings = ShapeSettings(images=500)
    for scene in draw_scenes(settings):
        classes = [index for index, _ in scene]
        assert classes == sorted(set(classes))
        assert 1 <= len(scene) <= settings.max_objects
        for (_, first), (_, second) in itertools.combinations(scene, 2):
            apart_x = first[2] <= second[0] or second[2] <= first[0]
            assert apart_x or first[3] <= second[1] or second[3] <= first[1]


def test_shapes_fill_their_boxes_exactly() -> None:
    settings = ShapeSettings(images=60, max_objects=1, val_images=0)
    cell = settings.image_size // settings.cells
    for scene in draw_scenes(settings):
        ((_, box),) = scene
        image = render_scene(scene, settings)
        ground = Image.new("RGB", image.size, GROUND)
        assert ImageChops.difference(image, ground).getbbox() == tuple(edge * cell for edge in box)


def test_edges_can_lie_between_pixels() -> None:
    settings = ShapeSettings(
        images=20, val_images=0, cells=256, min_cells=33, max_cells=99, max_objects=1, classes=["red square"]
    )
    for scene in draw_scenes(settings):
        ((_, box),) = scene
        x1, y1, x2, y2 = box_in_pixels(box, settings)
        red = np.asarray(render_scene(scene, settings), float)[:, :, 0] - GROUND[0]
        covered = red / (COLOUR_VALUES["red"][0] - GROUND[0])
        assert covered.sum() == pytest.approx((x2 - x1) * (y2 - y1), rel=5e-3)  # colours are whole numbers
        columns = covered.max(axis=0)
        assert columns.sum() == pytest.approx(x2 - x1, abs=0.02)
        assert (columns * (np.arange(64) + 0.5)).sum() / columns.sum() == pytest.approx(
            (x1 + x2) / 2, abs=0.03
        )


def test_the_same_settings_write_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_source(tmp_path / name, ShapeSettings(images=30, val_images=5, seed=seed))
    a, b, c = (
        [path.read_bytes() for path in sorted((tmp_path / name).iterdir())] for name in ("a", "b", "c")
    )
    assert a == b
    assert a != c
    table = pq.read_table(tmp_path / "a/train-00000-of-00001.parquet")
    assert table["image_id"].to_pylist() == list(range(1, 31))


def test_demo_recipe_names_the_default_classes() -> None:
    assert load_recipe(PrepareRecipe, DEMO).categories == ShapeSettings().classes


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["imgaes=3"], "did you mean 'images'?"),
        (["images=many"], "images: Value 'many'"),
        (["images=0"], "images=0"),
        (["cells=7"], "cells: 7 cells do not divide"),
        (["max_cells=17"], "max_cells=17"),
        (["classes=[rde circle]"], "did you mean 'red'?"),
        (["classes=[red]"], "classes: 'red': no ''"),
        (["classes=[red circle,red circle]"], "each once"),
        (["max_objects=4"], "max_objects: 4"),
    ],
)
def test_bad_settings(words: list[str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        load_settings(ShapeSettings, words)
    assert message in str(caught.value)


def test_too_few_different_images(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="after 4 different images"):
        write_source(
            tmp_path,
            ShapeSettings(images=5, cells=2, min_cells=1, max_cells=1, max_objects=1, classes=["red circle"]),
        )
    assert not list(tmp_path.iterdir())


def test_both_layouts_hold_the_same_boxes(tmp_path: Path) -> None:
    settings = ShapeSettings(images=12, val_images=3, classes=["orange diamond", "purple circle"])
    records = []
    for layout, recipe in (("parquet", "demo"), ("yolo", "yolo")):
        write_source(tmp_path / layout, dataclasses.replace(settings, layout=layout))
        words = [f"source.path={tmp_path / layout}", f"output_dir={tmp_path / layout}_data", "verify=decode"]
        if layout == "parquet":
            words.append("categories=[orange diamond,purple circle]")
        prepare_dataset(
            load_recipe(PrepareRecipe, DEMO.with_name(f"{recipe}.yaml"), [*words, "total_samples=null"])
        )
        rows = (tmp_path / f"{layout}_data" / "train.jsonl").read_text().splitlines()
        records.append(sorted(json.dumps(json.loads(row)["objects"]) for row in rows))
    assert records[0] == records[1]
    assert len(records[0]) == settings.images


def test_an_unknown_layout_is_refused() -> None:
    with pytest.raises(UserError, match="layout: 'voc' is not one of parquet, yolo"):
        ShapeSettings(layout="voc")
