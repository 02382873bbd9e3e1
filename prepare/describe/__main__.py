"""`python -m prepare.describe DATASET base_url=URL model=NAME output_dir=DIR`: a model describes regions."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from grounding.errors import print_result, run_command, start_logging
from grounding.recipe.arguments import read_overlay
from grounding.recipe.loading import load_settings
from grounding.recipe.schema import describe_keys
from prepare.describe.describe_settings import DescribeSettings
from prepare.locate import find_place

EPILOG = """Asks a server with OpenAI's chat completions for descriptions of every annotated region. Rules
drop what no referring expression should be; what is left is grounded again, and kept if it leads back to
its region. Writes descriptions.jsonl for `python -m prepare recipes/prepare/described.yaml`, described.json
(how they were made), and samples.html to look at. The key of the server is read from OPENAI_API_KEY, that
of cycle.base_url from CYCLE_API_KEY. Interrupted runs resume: repeat the command.

examples:
  python -m prepare.describe data/coco base_url=http://localhost:8000/v1 model=Qwen3-VL-32B-Instruct \\
    output_dir=data/coco_described text.words=coco 'guard=[data/coco]' limit=20
  python -m prepare.describe data/coco --overlay recipes/describe/teacher.yaml max_requests=100000"""


def main(argv: Sequence[str] | None = None) -> int:
    """Describe regions, and print what was kept and dropped."""
    parser = argparse.ArgumentParser(
        prog="python -m prepare.describe",
        description="Let a larger model describe the regions of a data set, and keep what is verified.",
        epilog="keys:\n" + "\n".join(describe_keys(DescribeSettings)) + "\n\n" + EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "dataset", metavar="DATASET", type=Path, help="folder of a data set, or the recipe that made it"
    )
    parser.add_argument("overrides", metavar="key=value", nargs="*", help="the keys above")
    parser.add_argument(
        "--overlay", metavar="FILE", type=Path, help="a YAML file of keys that stand before those of the line"
    )
    arguments = parser.parse_intermixed_args(argv)
    settings = load_settings(DescribeSettings, [*read_overlay(arguments.overlay), *arguments.overrides])
    start_logging()
    from prepare.describe.describing import describe_dataset

    report = describe_dataset(find_place(arguments.dataset), settings)
    print_result(f"{report}\n{settings.output_dir}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
