"""`python -m infer` with a model in several CPU processes: `python gloo_main.py RECIPE PORT...`.

The collectives of split models are for GPUs. Each recipe is answered in a fork of a process that has imported
Paddle, and the processes of a recipe meet at a port of its own.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[4]))

from grounding.errors import run_command
from infer.__main__ import main
from infer.engines.paddle import engine  # noqa: F401 (the forks have it)
from tests.forks.end_of_fork import run_and_end
from train.inside.patches.paddleformers_1_2.gloo.use_gloo_collectives import use_gloo_collectives


def answer(recipe: str, port: str) -> int:
    """Answer a recipe in a fork and return its exit code."""
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    sys.argv[1:] = [recipe]
    os.environ["PADDLE_MASTER"] = f"127.0.0.1:{port}"
    run_and_end(lambda: run_command(main))


use_gloo_collectives()
words = sys.argv[1:]
sys.exit(any(answer(*pair) for pair in zip(words[::2], words[1::2], strict=True)))
