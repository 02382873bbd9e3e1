"""The files of the drawn source, in the layout that the settings name."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from prepare.shapes.parquet import write_split
from prepare.shapes.record_files import write_records
from prepare.shapes.scenes import Scene, ShapeSettings, draw_scenes
from prepare.shapes.yolo_folders import write_folders

logger = logging.getLogger(__name__)


def write_source(folder: Path, settings: ShapeSettings) -> None:
    """Draw all images and write them, each file whole or not at all.

    Raises:
        UserError: the settings allow fewer different images than requested, or the disk is full.
    """
    scenes = list(draw_scenes(settings))
    splits = {"train": scenes[: settings.images], "val": scenes[settings.images :]}
    if settings.layout == "yolo":
        write_folders(folder, splits, settings)
    elif settings.layout == "records":
        write_records(folder, splits, settings)
    else:
        _write_parquet(folder, splits, settings)
    logger.info(
        "%s: %d training and %d validation images of %s",
        folder,
        settings.images,
        settings.val_images,
        ", ".join(settings.classes),
    )


def _write_parquet(folder: Path, splits: Mapping[str, Sequence[Scene]], settings: ShapeSettings) -> None:
    first_id = 1
    for split, scenes in splits.items():
        path = folder / f"{split}-00000-of-00001.parquet"
        if scenes:
            write_split(path, scenes, settings, first_id)
        else:
            path.unlink(missing_ok=True)
        first_id += len(scenes)
