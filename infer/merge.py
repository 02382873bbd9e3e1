"""`python -m infer.merge OUTPUT_DIR`: join the shards of a run into one predictions.jsonl."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from grounding.errors import print_result, run_command


def main(argv: Sequence[str] | None = None) -> int:
    """Join the shards, and say where the predictions are."""
    parser = argparse.ArgumentParser(
        prog="python -m infer.merge",
        description=__doc__,
        epilog="example: python -m infer recipes/infer/demo.yaml shard=0/2; "
        "python -m infer recipes/infer/demo.yaml shard=1/2; "
        "python -m infer.merge checkpoints/demo/eval_after",
    )
    parser.add_argument("output_dir", metavar="OUTPUT_DIR", type=Path, help="the output_dir of all shards")
    arguments = parser.parse_args(argv)
    from infer.runs.shards import merge_shards

    print_result(str(merge_shards(arguments.output_dir)))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main, resumes=False))
