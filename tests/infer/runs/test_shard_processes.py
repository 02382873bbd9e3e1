import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from infer.engines.settings import EngineSettings
from infer.runs import shard_processes


def test_a_process_that_is_killed_ends_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def start(arguments: list[str], device: str | None, threads: int, log: Any) -> "subprocess.Popen[bytes]":
        del device, threads, log
        code = "import time; time.sleep(600)"
        if arguments[-1] == "shard=1/2":
            code = "import os; os.kill(os.getpid(), 9)"
        started.append(subprocess.Popen([sys.executable, "-c", code]))
        return started[-1]

    monkeypatch.setattr(shard_processes, "_start", start)
    with pytest.raises(UserError, match="shard=1/2 ended with exit code -9"):
        shard_processes.run_shards(Path("recipe.yaml"), [], [None, None])
    assert all(process.poll() is not None for process in started)


@pytest.mark.parametrize(
    ("keys", "processes", "expected"),
    [
        ({}, None, ["4", "7"]),
        ({}, 3, ["4", "7", "4"]),
        ({"device": "cpu"}, 2, [None, None]),
        ({"engine": "openai", "base_url": "http://a", "model": "m"}, 2, [None, None]),
    ],
)
def test_gpus_are_shared_out_in_turn(
    monkeypatch: pytest.MonkeyPatch, keys: dict[str, Any], processes: int | None, expected: list[str | None]
) -> None:
    monkeypatch.setattr("infer.engines.paddle.devices.count_gpus", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    settings = EngineSettings(**{"checkpoint": "model", **keys})
    assert shard_processes.choose_devices(settings, processes) == expected
