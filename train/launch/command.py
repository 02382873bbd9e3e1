"""The command line and the environment of PaddleFormers' process for a run."""

import os
import socket
import sys
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.layout import TRAIN_RECIPE_FILE
from models.arithmetic import fast_arithmetic
from models.hub_downloads import is_hub_id
from train.child_environment import passed_variables
from train.launch.run_folder import log_folder
from train.machine import DISPATCHER_KEY, lowest_capability, token_dispatchers
from train.nodes import this_node
from train.recipe import uses_fleet

ROOT = Path(__file__).resolve().parents[2]
INSIDE = ROOT / "train" / "inside"
PLUGIN = INSIDE / "plugin.py"

PADDLEFORMERS_FLAGS = {
    "FLAGS_set_to_1d": "False",
    "NVIDIA_TF32_OVERRIDE": "0",
    "FLAGS_dataloader_use_file_descriptor": "False",
}
"""What PaddleFormers' command sets for the processes that it starts (paddleformers/cli/cli.py)."""

FORGOTTEN_FILES = ("vocab.json", "merges.txt")
"""Tokenizer files that slow tokenizers read, and that PaddleFormers does not save with a checkpoint."""


def command(recipe: dict[str, Any], folder: Path, has_gpu: bool) -> list[str]:
    """Return the command line of PaddleFormers for this recipe on this machine.

    With plain classes it is started without paddlefleet (train/inside/plain_command.py). On a CPU, Paddle's
    own launcher starts the processes: PaddleFormers' command imports all of itself to do the same, and starts
    one process whatever the recipe says.
    """
    extra = [f"custom_register_path={PLUGIN}"]
    if "copy_custom_file_list" not in recipe:
        extra.append(f"copy_custom_file_list='{' '.join(_forgotten(recipe['model_name_or_path']))}'")
    if uses_fleet(recipe) and DISPATCHER_KEY not in recipe:
        extra += [f"{DISPATCHER_KEY}={word}" for word in token_dispatchers(lowest_capability())]
    arguments = ["train", str(folder / TRAIN_RECIPE_FILE), *extra]
    processes = cpu_processes(recipe)
    if has_gpu or (uses_fleet(recipe) and processes == 1):
        return [*_paddleformers(recipe), *arguments]
    node = this_node()
    return [
        *(sys.executable, "-m", "paddle.distributed.launch", "--nproc_per_node", str(processes)),
        *("--nnodes", str(node.count), "--rank", str(node.rank)),
        *("--master", node.master or f"127.0.0.1:{free_port()}"),
        *("--run_mode", "collective", "--log_dir", str(log_folder(folder))),
        *(str(INSIDE / "plain_process.py"), *arguments),
    ]


def _forgotten(model: str) -> list[str]:
    if is_hub_id(model):
        return list(FORGOTTEN_FILES)
    return [name for name in FORGOTTEN_FILES if (Path(model) / name).is_file()]


def cpu_processes(recipe: dict[str, Any]) -> int:
    """Return how many processes a CPU run has on this node: one for each tensor parallel part.

    Raises:
        UserError: the nodes cannot share the parts evenly. Paddle has no other parallelism on CPUs.
    """
    parts, nodes = max(1, int(recipe.get("tensor_model_parallel_size", 1))), this_node().count
    if parts % nodes:
        raise UserError(
            f"tensor_model_parallel_size: {parts} cannot be split over NNODES={nodes}, "
            "and CPUs train with no other parallelism"
        )
    return parts // nodes


def environment(recipe: dict[str, Any], folder: Path, has_gpu: bool) -> dict[str, str]:
    """Return the child's environment: what it needs of the user's (train/child_environment.py), and ours.

    Raises:
        UserError: the user asks for a key of this project's own to be passed on.
    """
    programs = Path(sys.executable).parent
    defaults = {"MASTER_PORT": str(free_port()), "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1"}
    forced = {
        # PaddleFormers' command starts `python` from PATH, which may be another one than this.
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": python_path(),
        "PYTHONUNBUFFERED": "1",
        "PADDLEFORMERS_DIST_LOG": str(log_folder(folder)),
    }
    if not has_gpu:
        # The launchers need an entry for each process, and fail if the list is empty.
        forced["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, range(cpu_processes(recipe))))
        forced["PADDLE_DISTRI_BACKEND"] = "gloo"
        defaults |= {**PADDLEFORMERS_FLAGS, **fast_arithmetic()}
    return {**defaults, **passed_variables(recipe, os.environ), **forced}


def python_path() -> str:
    """Return PYTHONPATH for a child that imports this project, from any folder."""
    return os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))


def free_port() -> int:
    """Return a TCP port that nothing listens on: Paddle's default, 8080, is often taken."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _paddleformers(recipe: dict[str, Any]) -> list[str]:
    """Return the words that start PaddleFormers' own command, with paddlefleet if the recipe asks for it."""
    program = Path(sys.executable).with_name("paddleformers-cli")
    if not program.is_file():
        raise UserError(f"{program}: no such program: install the dependencies, `make setup`")
    return [str(program)] if uses_fleet(recipe) else [sys.executable, str(INSIDE / "plain_command.py")]
