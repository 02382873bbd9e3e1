"""Several nodes: their command lines, and two launchers that train as one job."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from grounding.errors import UserError
from tests.train.conftest import HANG_SECONDS
from tests.train.node_environment import be_node
from train.launch.command import command, cpu_processes, environment, free_port
from train.launch.run_folder import log_folder
from train.nodes import VARIABLES

ROOT = Path(__file__).resolve().parents[3]
STEPS = 5
LOSS = re.compile(r" loss: ([\d.]+), learning_rate: \S+ global_step: (\d+)")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_the_nodes_share_the_tensor_parallel_parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    be_node(monkeypatch)
    model = {"model_name_or_path": str(tmp_path)}
    assert cpu_processes({"tensor_model_parallel_size": 2}) == 1
    with pytest.raises(UserError, match="1 cannot be split over NNODES=2"):
        cpu_processes({})
    one_each = command({**model, "tensor_model_parallel_size": 2}, tmp_path, has_gpu=False)
    assert one_each[one_each.index("--nproc_per_node") + 1] == "1"
    words = command({**model, "tensor_model_parallel_size": 4}, tmp_path, has_gpu=False)
    given = {name: words[words.index(name) + 1] for name in words if name.startswith("--")}
    assert given["--nnodes"] == "2"
    assert given["--rank"] == "1"
    assert given["--master"] == "10.0.0.1:6170"
    assert given["--nproc_per_node"] == "2"
    assert given["--log_dir"] == str(tmp_path / "logs" / "node1")


def test_the_environment_of_the_nodes_is_passed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    be_node(monkeypatch)
    for has_gpu in (False, True):
        passed = environment({"tensor_model_parallel_size": 2}, tmp_path, has_gpu=has_gpu)
        assert [passed[name] for name in VARIABLES] == ["2", "1", "10.0.0.1", "6170"]
        assert passed["PADDLEFORMERS_DIST_LOG"] == str(tmp_path / "logs" / "node1")
    assert log_folder(tmp_path) == tmp_path / "logs" / "node1"


def start(recipe: Path, *words: str, **variables: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "train", str(recipe), *words],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def start_two(recipe: Path, *folders: Path) -> list["subprocess.Popen[str]"]:
    port = str(free_port())
    return [
        start(
            recipe,
            "tensor_model_parallel_size=2",
            f"output_dir={folder}",
            NNODES="2",
            RANK=str(rank),
            MASTER_ADDR="127.0.0.1",
            MASTER_PORT=port,
        )
        for rank, folder in enumerate(folders)
    ]


def losses(log: Path) -> dict[int, float]:
    return {int(step): float(loss) for loss, step in LOSS.findall(log.read_text(encoding="utf-8"))}


@pytest.mark.slow
def test_two_launchers_train_as_one_job(
    make_recipe: Callable[..., Path], finish_training: Callable[..., str], tmp_path: Path
) -> None:
    from safetensors.numpy import load_file

    recipe = make_recipe(max_steps=STEPS, save_steps=2, save_total_limit=1)
    shared, single = tmp_path / "run", tmp_path / "single"
    nodes = start_two(recipe, shared, shared)
    finish_training(recipe, f"output_dir={single}")
    for process in nodes:
        said, _ = process.communicate(timeout=HANG_SECONDS)
        assert process.returncode == 0, said

    expected = losses(single / "logs" / "train.log")
    assert list(expected) == list(range(1, STEPS + 1))
    for log in (shared / "logs" / "train.log", shared / "logs" / "node1" / "train.log"):
        assert losses(log) == pytest.approx(expected, abs=1e-3)
    # Each node would have named the weights, and deleted the newest checkpoint as the other's oldest.
    names = sorted(path.name for path in shared.glob("*.safetensors"))
    assert names == ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    assert [path.name for path in shared.glob("checkpoint-*")] == [
        path.name for path in single.glob("checkpoint-*")
    ]
    assert not list(shared.glob(".process_*"))
    merged = {key: value for name in names for key, value in load_file(shared / name).items()}
    whole = load_file(next(single.glob("*.safetensors")))
    assert {key: weight.shape for key, weight in merged.items()} == {
        key: weight.shape for key, weight in whole.items()
    }


@pytest.mark.slow
def test_nodes_that_do_not_share_the_folder_stop_before_the_first_step(
    make_recipe: Callable[..., Path], tmp_path: Path
) -> None:
    for process in start_two(make_recipe(), tmp_path / "here", tmp_path / "there"):
        said, _ = process.communicate(timeout=HANG_SECONDS)
        assert process.returncode == 1
        assert "is not the same folder on all nodes" in said
    assert not losses(tmp_path / "here" / "logs" / "train.log")
