"""The end of a process that trained with others over gloo."""

import subprocess
import sys

import pytest

from train.launch.command import ROOT

SCRIPT = """
import atexit, sys
import paddle
from paddleformers.trainer import Trainer
from train.inside.patches.paddleformers_1_2.gloo.leave_together import leave_together

atexit.register(print, "connections are taken apart")
Trainer.save_state = lambda self: print("saved")
paddle.distributed.barrier = lambda: print("all are here")
leave_together()
atexit.register(print, "logs are written")
{end}
"""


@pytest.mark.parametrize(
    ("end", "said", "code"),
    [
        ("Trainer.save_state(None)", ["saved", "all are here", "logs are written"], 0),
        ("sys.exit(3)", ["logs are written", "connections are taken apart"], 3),
    ],
    ids=["finished", "failed"],
)
def test_only_a_finished_process_leaves_its_connections(end: str, said: list[str], code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(end=end)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == code, done.stderr
    assert done.stdout.splitlines()[-len(said) :] == said
    assert ("connections are taken apart" in done.stdout) == (code != 0)
