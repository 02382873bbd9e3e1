"""`python -m prepare.replay CHECKPOINT PROMPTS [key=value ...]`: a model's own answers as training data."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from grounding.errors import UserError, print_result, run_command, start_logging
from grounding.recipe.arguments import read_overlay
from grounding.recipe.loading import load_settings
from grounding.recipe.schema import describe_keys
from prepare.replay.replay_settings import ReplaySettings

EPILOG = """PROMPTS is a text file (a prompt a line), JSON lines of conversations with or without an image, or
a prepared data set, whose training questions are asked: that replays an old task. The model answers every
question itself. Answers that are cut, empty or repeat themselves are dropped. Writes train.jsonl, val.jsonl,
images/ and card.json, to be mixed into a training (recipes/README.md). A CHECKPOINT is asked through
`python -m infer.serve`; with base_url, a server is asked in its place, and its key is read from
OPENAI_API_KEY. Interrupted runs resume: repeat the command.

examples:
  python -m prepare.replay Qwen/Qwen3-VL-8B-Instruct prompts.txt output_dir=data/replay limit=2000
  python -m prepare.replay checkpoints/first_task data/first_task output_dir=data/first_task_replay
  python -m prepare.replay prompts.jsonl base_url=http://localhost:8000/v1 model=Qwen3-VL-8B-Instruct"""


def main(argv: Sequence[str] | None = None) -> int:
    """Let a model answer prompts, and print what was kept and dropped."""
    parser = argparse.ArgumentParser(
        prog="python -m prepare.replay",
        description="Let a model answer prompts, and keep its answers as training data.",
        epilog="keys:\n" + "\n".join(describe_keys(ReplaySettings)) + "\n\n" + EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "places", metavar="CHECKPOINT PROMPTS", nargs="+", help="model folder or hub's model, and the prompts"
    )
    parser.add_argument("overrides", metavar="key=value", nargs="*", help="the keys above")
    parser.add_argument(
        "--overlay", metavar="FILE", type=Path, help="a YAML file of keys that stand before those of the line"
    )
    arguments = parser.parse_intermixed_args(argv)
    words = [*arguments.places, *arguments.overrides]
    places = [word for word in words if "=" not in word]
    overrides = [word for word in words if "=" in word]
    settings = load_settings(ReplaySettings, [*read_overlay(arguments.overlay), *overrides])
    if len(places) != (2 if settings.base_url is None else 1):
        raise UserError(
            "name CHECKPOINT and PROMPTS, or PROMPTS alone with base_url: "
            "see `python -m prepare.replay --help`"
        )
    start_logging()
    from prepare.replay.replaying import replay_prompts

    checkpoint = None if settings.base_url is not None else places[0]
    report = replay_prompts(checkpoint, Path(places[-1]).expanduser(), settings)
    print_result(f"{report}\n{settings.output_dir}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
