"""The drawn source in the layout of a YOLO data set."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from grounding.files import write_text
from prepare.progress import progress_bar
from prepare.shapes.picture import render_scene
from prepare.shapes.scenes import Scene, ShapeSettings


def write_folders(folder: Path, splits: Mapping[str, Sequence[Scene]], settings: ShapeSettings) -> None:
    """Write images/SPLIT, labels/SPLIT with one line `class cx cy width height` per object, and data.yaml.

    Boxes are shares of the image. data.yaml is written last: without it, the folder is not a data set.

    Source of the layout: https://docs.ultralytics.com/datasets/detect
    """
    number = 0
    for split, scenes in splits.items():
        images, labels = folder / "images" / split, folder / "labels" / split
        for place in (images, labels):
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
        with progress_bar(len(scenes), f"drawing {split} images") as progress:
            for scene in scenes:
                number += 1
                render_scene(scene, settings).save(images / f"{number:06d}.png", compress_level=9)
                write_text(labels / f"{number:06d}.txt", _lines(scene, settings.cells))
                progress.update()
    contents = {split: f"images/{split}" for split, scenes in splits.items() if scenes}
    names = dict(enumerate(settings.classes))
    write_text(folder / "data.yaml", yaml.safe_dump({**contents, "names": names}, sort_keys=False))


def _lines(scene: Scene, cells: int) -> str:
    rows = []
    for index, (x1, y1, x2, y2) in scene:
        shares = ((x1 + x2) / 2 / cells, (y1 + y2) / 2 / cells, (x2 - x1) / cells, (y2 - y1) / cells)
        rows.append(" ".join([str(index), *(f"{share:.6f}" for share in shares)]))
    return "".join(f"{row}\n" for row in rows)
