"""`python -m prepare.shapes OUT [key=value ...]`: draw a source of coloured shapes.

Writes parquet in the layout of detection-datasets/coco, so that the demo runs through the same steps as
photographs, a YOLO data set, as an example of one's own pictures, or ms-swift's records, whose questions can
be about several pictures. The same settings give the same files
(with the same versions of Pillow and pyarrow).
"""

import argparse
import sys
from pathlib import Path

from grounding.errors import run_command, start_logging
from grounding.recipe.loading import load_settings
from grounding.recipe.schema import describe_keys
from prepare.shapes.scenes import ShapeSettings

EXAMPLE = """examples:
  python -m prepare.shapes data/demo_source images=1000 'classes=[red square,red circle]'
  python -m prepare.shapes data/pairs_source layout=records pictures=2 images=1000"""


def main() -> int:
    """Write the source and say what it holds."""
    parser = argparse.ArgumentParser(
        prog="python -m prepare.shapes",
        description="Draw a small data set of coloured shapes, as COCO parquet, YOLO folders or records.",
        epilog="keys:\n" + "\n".join(describe_keys(ShapeSettings)) + "\n\n" + EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", metavar="OUT", type=Path, help="folder to write into")
    parser.add_argument("overrides", metavar="key=value", nargs="*", help="settings, such as images=1000")
    arguments = parser.parse_args()
    settings = load_settings(ShapeSettings, arguments.overrides)
    start_logging()
    from prepare.shapes.source_files import write_source

    write_source(arguments.out, settings)
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main, resumes=False))
