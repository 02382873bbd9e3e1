"""`python -m prepare.detect IMAGES detector=... [key=value ...]`: a detector's boxes as candidates."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from grounding.errors import print_result, run_command, start_logging
from grounding.recipe.loading import load_settings
from grounding.recipe.schema import describe_keys
from prepare.detect.detect_settings import DetectSettings

EPILOG = """IMAGES is a folder, such as the images/ of a prepared data set. What is written are COCO results
with file names and labels: candidates.file of a prepare recipe takes them, and so does `python -m infer`
(candidates=FILE). Results of other tools in this format need no detector here. A model of this project is a
detector, too: `python -m infer.score` writes coco_results.json. Interrupted runs resume: repeat the command.

examples:
  python -m prepare.detect data/coco/images detector=detector.py:find output=data/detections.json
  .venv-paddlex/bin/python -m prepare.detect data/coco/images detector=models/RT-DETR-L device=gpu"""


def main(argv: Sequence[str] | None = None) -> int:
    """Look at the pictures, and print what was found."""
    parser = argparse.ArgumentParser(
        prog="python -m prepare.detect",
        description="Let a detector look at pictures, and write its boxes as candidates for questions.",
        epilog="keys:\n" + "\n".join(describe_keys(DetectSettings)) + "\n\n" + EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("images", metavar="IMAGES", type=Path, help="folder with pictures")
    parser.add_argument("overrides", metavar="key=value", nargs="*", help="the keys above")
    arguments = parser.parse_args(argv)
    settings = load_settings(DetectSettings, arguments.overrides)
    start_logging()
    from prepare.detect.detecting import detect_objects, find_pictures
    from prepare.detect.detector import open_detector

    folder = arguments.images.expanduser()
    find_pictures(folder, settings.limit)  # before a model is loaded
    report = detect_objects(folder, open_detector(settings), settings)
    print_result(f"{report}\n{settings.output}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
