"""`python -m prepare.shapes OUT [key=value ...]`: a synthetic source of coloured shapes.

Writes COCO parquet in the layout of detection-datasets/coco, so that the demonstration runs through the
same steps as photographs, or the folders of a YOLO data set, as an example of pictures of one's own. The same
settings give the same files (with one version of Pillow and pyarrow).
"""

import argparse
import logging
import sys
from pathlib import Path

from grounding.errors import run_command
from grounding.recipe import describe_keys, load_settings
from prepare.shapes.scenes import ShapeSettings, draw_scenes

EXAMPLE = """example:
  python -m prepare.shapes data/demo_source images=1000 'classes=[red square,red circle]'"""


def main() -> int:
    """Write the source and say what it holds."""
    parser = argparse.ArgumentParser(
        prog="python -m prepare.shapes",
        description="Draw a small data set of coloured shapes, as COCO parquet or in YOLO's layout.",
        epilog="keys:\n" + "\n".join(describe_keys(ShapeSettings)) + "\n\n" + EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", metavar="OUT", type=Path, help="folder to write into")
    parser.add_argument("overrides", metavar="key=value", nargs="*", help="settings, such as images=1000")
    arguments = parser.parse_args()
    settings = load_settings(ShapeSettings, arguments.overrides)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    write_source(arguments.out, settings)
    return 0


def write_source(folder: Path, settings: ShapeSettings) -> None:
    """Draw all images and write them in the layout that is asked for, each file whole or not at all.

    Raises:
        UserError: the settings allow fewer different images than asked for, or the disk is full.
    """
    scenes = list(draw_scenes(settings))
    splits = {"train": scenes[: settings.images], "val": scenes[settings.images :]}
    if settings.layout == "yolo":
        from prepare.shapes.yolo_folders import write_folders

        write_folders(folder, splits, settings)
    else:
        from prepare.shapes.parquet import write_split

        first_id = 1
        for split, drawn in splits.items():
            path = folder / f"{split}-00000-of-00001.parquet"
            if drawn:
                write_split(path, drawn, settings, first_id)
            else:
                path.unlink(missing_ok=True)
            first_id += len(drawn)
    logging.getLogger(__name__).info(
        "%s: %d training and %d validation images of %s",
        folder,
        settings.images,
        settings.val_images,
        ", ".join(settings.classes),
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
