"""`python -m infer.dlc_bench FOLDER [key=value ...]`: descriptions of regions, judged by a server."""

import sys
from collections.abc import Sequence

from grounding.errors import print_result, run_command, start_logging
from grounding.recipe.arguments import Word, settings_arguments
from grounding.recipe.loading import load_settings
from infer.dlc_bench.bench_settings import BenchSettings

EPILOG = """FOLDER is DLC-Bench (nvidia/DLC-Bench on Hugging Face), or has its layout: annotations.json,
images/, qa.json and class_names.json. The model describes each region, shown in its picture. The
judge answers the questions of qa.json by the description alone, with the published prompt. Points are
counted as published: positive for true details, negative for made-up ones, and their average.
The published scores have Llama 3.1 8B Instruct as judge; scores of other judges do not compare.
The key of the judge's server: environment variable JUDGE_API_KEY. Interrupted runs resume.

example:
  python -m infer.dlc_bench DLC-Bench checkpoint=checkpoints/demo/full judge_url=http://localhost:9000/v1 \\
      judge_model=meta-llama/Meta-Llama-3.1-8B-Instruct output_dir=checkpoints/demo/dlc_bench"""


def main(argv: Sequence[str] | None = None) -> int:
    """Describe, judge, write the scores, and print them."""
    (folder,), words = settings_arguments(
        BenchSettings,
        Word("folder", "the benchmark's folder"),
        prog="python -m infer.dlc_bench",
        description="Score detailed descriptions of regions as DLC-Bench does, with a judge on a server.",
        epilog=EPILOG,
        example="checkpoint=DIR",
        argv=argv,
    )
    start_logging()
    settings = load_settings(BenchSettings, words)
    from infer.dlc_bench.bench_run import run_bench
    from infer.engines.opening import open_engine

    print_result(run_bench(folder, settings, open_engine))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
