"""`python -m prepare.export DATASET format=NAME output_dir=DIR`: a data set in another tool's format."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from grounding.errors import print_result, run_command
from grounding.recipe.loading import load_settings
from grounding.recipe.schema import describe_keys
from prepare.export.export_settings import ExportSettings, describe_formats
from prepare.locate import find_place


def main(argv: Sequence[str] | None = None) -> int:
    """Write the export, and print what it holds and what was left out."""
    arguments = _parser().parse_intermixed_args(argv)
    settings = load_settings(ExportSettings, arguments.overrides)
    from prepare.export.exporting import describe_export, export_dataset

    data = export_dataset(find_place(arguments.dataset), settings, arguments.predictions)
    print_result(f"{describe_export(data)}\n{settings.output_dir}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m prepare.export",
        description="Write a prepared data set in the format of another tool, or the predictions of a run to "
        "correct them there. What a format cannot state is counted and printed.",
        epilog="\n".join(
            [
                "keys:",
                *describe_keys(ExportSettings),
                "",
                "formats:",
                *describe_formats(),
                "",
                "Boxes of val are those of annotations_val.json, in original pixels. Boxes of train are",
                "those of the records, on the 0..1000 grid: half a step of it is their precision.",
                "",
                "examples:",
                "  python -m prepare.export data/coco format=yolo output_dir=data/coco_yolo",
                "  python -m prepare.export data/coco format=label_studio output_dir=data/to_correct \\",
                "    --predictions checkpoints/qwen3_vl_8b_full/eval",
            ]
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "dataset", metavar="DATASET", type=Path, help="folder of a data set, or the recipe that made it"
    )
    parser.add_argument("overrides", metavar="key=value", nargs="*", help="the keys below")
    parser.add_argument(
        "--predictions",
        metavar="DIR",
        type=Path,
        help="folder of a run: its predictions on val are exported instead of the truth",
    )
    return parser


if __name__ == "__main__":
    sys.exit(run_command(main, resumes=False))
