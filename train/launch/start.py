"""The launch of a training run: PaddleFormers as a child process, watched, and taken down whole."""

import logging
import os
import shutil
import socket
import sys
import time
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import write_text
from grounding.run_record import FAILED, FINISHED, RUN_FILE, STOPPED
from models.arithmetic import fast_arithmetic
from train.launch import manifest
from train.launch.checkpoints import newest_checkpoint
from train.launch.nodes import this_node
from train.launch.processes import end_earlier_start, new_mark
from train.launch.watch import run_child
from train.machine import machine_has_gpu
from train.preflight.all_checks import check_recipe
from train.recipe import RESOLVED_RECIPE, has_weights, is_hub_id

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = ROOT / "train" / "inside" / "plugin.py"
COCO_RESULTS_FILE = "train_results.json"
"""PaddleFormers writes it after the weights."""

BOXES_FOLDER = "boxes"
"""What the model answered at each evaluation step (train/inside/box_curves.py)."""

FORGOTTEN_FILES = ("vocab.json", "merges.txt")
"""Tokenizer files that PaddleFormers does not save beside a checkpoint, though slow tokenizers read them."""


def train(path: Path, overrides: Iterable[str] = ()) -> int:
    """Check a recipe, run it and return the exit code: 0 only when the weights are there.

    A run that was stopped goes on from its newest checkpoint; one that is finished is left alone.

    Raises:
        UserError: what the check finds.
    """
    recipe = check_recipe(path, overrides)
    folder = Path(recipe["output_dir"])
    if this_node().rank:
        return join_first_node(recipe, folder)
    end_earlier_start(folder)
    if recipe.pop("overwrite_output_dir", False):
        remove_run(folder)
    elif is_finished(folder):
        log.info("%s: is trained already; overwrite_output_dir=true trains it anew", folder)
        return 0
    resume_from = newest_checkpoint(folder)
    save_recipe(recipe, folder)
    if resume_from:
        log.info("%s: goes on from %s", folder, resume_from.name)
    has_gpu = machine_has_gpu()
    log_file = manifest.log_of(folder)
    started = time.time()
    mark = new_mark()
    devices = manifest.devices_of(cpu_processes(recipe), has_gpu=has_gpu)
    manifest.begin(recipe, folder, resume_from.name if resume_from else None, devices, mark)
    state = FAILED
    try:
        child = command(recipe, folder, has_gpu), environment(recipe, folder, has_gpu)
        code = run_child(*child, log_file, folder, mark=mark, how_to_go_on=lambda: how_to_go_on(folder))
        if code == 0 and not has_weights(folder, since=started):
            log.error("%s: the training ended without saving weights; see %s", folder, log_file)
            code = 1
        state = FAILED if code else FINISHED
    except KeyboardInterrupt:
        state = STOPPED
        raise
    finally:
        remove_environment_dumps(log_file.parent)
        with suppress(UserError) if state != FINISHED else nullcontext():  # the disk may be full
            manifest.end(folder, state)
    if code == 0:
        log.info("%s: trained in %.0f s", folder, time.time() - started)
    return code


def how_to_go_on(folder: Path) -> str:
    """Say what the same command will do next."""
    checkpoint = newest_checkpoint(folder)
    if checkpoint is None:
        return "there is no checkpoint yet, the same command starts from the beginning"
    return f"the same command goes on from its newest checkpoint, {checkpoint.name}"


def join_first_node(recipe: dict[str, Any], folder: Path) -> int:
    """Run this node's part of a job and return its exit code; the first node looks after the run's folder."""
    if not recipe.pop("overwrite_output_dir", False) and is_finished(folder):
        log.info("%s: is trained already; overwrite_output_dir=true trains it anew", folder)
        return 0
    save_recipe(recipe, folder)  # the same bytes as the first node's, which may come later
    has_gpu = machine_has_gpu()
    logs = log_folder(folder)
    try:
        child = command(recipe, folder, has_gpu), environment(recipe, folder, has_gpu)
        return run_child(*child, logs / "train.log", folder)
    finally:
        remove_environment_dumps(logs)


def save_recipe(recipe: dict[str, Any], folder: Path) -> None:
    """Save the recipe that is run, for the next start to compare with and for whoever finds the folder."""
    import yaml

    write_text(folder / RESOLVED_RECIPE, yaml.safe_dump(recipe, allow_unicode=True, sort_keys=False))


def is_finished(folder: Path) -> bool:
    """Tell whether a run in this folder came to its end."""
    return (folder / COCO_RESULTS_FILE).is_file() and has_weights(folder)


def remove_run(folder: Path) -> None:
    """Remove what an earlier run left: an old checkpoint would otherwise be resumed later on."""
    shutil.rmtree(folder / BOXES_FOLDER, ignore_errors=True)
    for checkpoint in folder.glob("checkpoint-*"):
        shutil.rmtree(checkpoint)
    for pattern in (
        "*.safetensors",
        "*.safetensors.index.json",
        "*.auto_generated.metadata",
        COCO_RESULTS_FILE,
        RESOLVED_RECIPE,
        RUN_FILE,
    ):
        for file in folder.glob(pattern):
            file.unlink()


def log_folder(folder: Path) -> Path:
    """Return the folder of this node's logs: all nodes share the run's folder."""
    rank = this_node().rank
    return folder / "logs" / f"node{rank}" if rank else folder / "logs"


def remove_environment_dumps(logs: Path) -> None:
    """Remove the files into which Paddle's launcher writes the whole environment, keys and all."""
    for pattern in ("envlog.*", "backup_env.*.json"):
        for file in logs.glob(pattern):
            file.unlink()


def command(recipe: dict[str, Any], folder: Path, has_gpu: bool) -> list[str]:
    """Return the command line of PaddleFormers for this recipe on this machine."""
    extra = [f"custom_register_path={PLUGIN}"]
    if "copy_custom_file_list" not in recipe:
        extra.append(f"copy_custom_file_list='{' '.join(_forgotten(recipe['model_name_or_path']))}'")
    arguments = ["train", str(folder / RESOLVED_RECIPE), *extra]
    processes = cpu_processes(recipe)
    if has_gpu or processes == 1:
        return [str(_program("paddleformers-cli")), *arguments]
    # On a CPU the command line of PaddleFormers starts one process whatever the recipe says.
    launcher = Path(_package_folder("paddleformers")) / "cli" / "launcher.py"
    node = this_node()
    return [
        *(sys.executable, "-m", "paddle.distributed.launch", "--nproc_per_node", str(processes)),
        *("--nnodes", str(node.count), "--rank", str(node.rank)),
        *("--master", node.master or f"127.0.0.1:{free_port()}"),
        *("--run_mode", "collective", "--log_dir", str(log_folder(folder))),
        *(str(launcher), *arguments),
    ]


def _forgotten(model: str) -> list[str]:
    if is_hub_id(model):
        return list(FORGOTTEN_FILES)
    return [name for name in FORGOTTEN_FILES if (Path(model) / name).is_file()]


def cpu_processes(recipe: dict[str, Any]) -> int:
    """Return how many processes a CPU run needs on this node: one for each tensor parallel part.

    Raises:
        UserError: the nodes cannot share the parts evenly; Paddle has no other parallelism on CPUs.
    """
    parts, nodes = max(1, int(recipe.get("tensor_model_parallel_size", 1))), this_node().count
    if parts % nodes:
        raise UserError(
            f"tensor_model_parallel_size: {parts} cannot be split over NNODES={nodes}, "
            "and CPUs train with no other parallelism"
        )
    return parts // nodes


def environment(recipe: dict[str, Any], folder: Path, has_gpu: bool) -> dict[str, str]:
    """Return the child's environment; what the user has set stays."""
    programs = Path(sys.executable).parent
    defaults = {"MASTER_PORT": str(free_port()), "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1"}
    forced = {
        # The command line starts `python` from PATH, which need not be the one that runs this.
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "PYTHONUNBUFFERED": "1",
        "PADDLEFORMERS_DIST_LOG": str(log_folder(folder)),
    }
    if not has_gpu:
        # The launchers want an entry for each process, and break where the list is empty.
        forced["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, range(cpu_processes(recipe))))
        forced["PADDLE_DISTRI_BACKEND"] = "gloo"
        defaults |= fast_arithmetic()
    return {**defaults, **os.environ, **forced}


def free_port() -> int:
    """Return a TCP port that nothing listens on: the default, 8080, is often taken."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _program(name: str) -> Path:
    program = Path(sys.executable).parent / name
    if not program.is_file():
        raise UserError(f"{program}: no such program: install the dependencies, `make setup`")
    return program


def _package_folder(name: str) -> str:
    from importlib.util import find_spec

    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise UserError(f"{name} is not installed: `make setup`")
    return spec.submodule_search_locations[0]
