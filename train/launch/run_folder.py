"""The folder of a run: its logs, whether the run is finished, and what an earlier run left in it."""

import shutil
from contextlib import suppress
from pathlib import Path

from grounding.layout import BOXES_FOLDER, KEEP_FOLDER, TRAIN_RECIPE_FILE
from grounding.run_record import RUN_FILE
from grounding.suites.suite_recipe import SUITES_FOLDER, TABLE_JSON, TABLE_TEXT
from train.nodes import this_node
from train.recipe import has_weights

RESULTS_FILE = "train_results.json"
"""PaddleFormers writes it after the weights."""

EARLIER_FILES = (
    "*.safetensors",
    "*.safetensors.index.json",
    "*.auto_generated.metadata",
    RESULTS_FILE,
    TRAIN_RECIPE_FILE,
    RUN_FILE,
    *(f"{SUITES_FOLDER}/*/{table}" for table in (TABLE_JSON, TABLE_TEXT)),
)
PRIVATE = 0o700
"""The mode of the folder of logs: a launcher writes its environment there, and a trainer what it meets."""


def log_of(folder: Path) -> Path:
    """Return the file with everything that a run's trainer has said."""
    return folder / "logs" / "train.log"


def log_folder(folder: Path) -> Path:
    """Return the folder of this node's logs: all nodes share the run's folder."""
    rank = this_node().rank
    return folder / "logs" / f"node{rank}" if rank else folder / "logs"


def is_finished(folder: Path) -> bool:
    """Tell whether this folder holds a finished run."""
    return (folder / RESULTS_FILE).is_file() and has_weights(folder)


def remove_run(folder: Path) -> None:
    """Remove an earlier run's weights, checkpoints and records: a later start would resume from them."""
    for answers in (BOXES_FOLDER, KEEP_FOLDER):
        shutil.rmtree(folder / answers, ignore_errors=True)
    for checkpoint in folder.glob("checkpoint-*"):
        shutil.rmtree(checkpoint)
    for pattern in EARLIER_FILES:
        for file in folder.glob(pattern):
            file.unlink()


def make_log_folder(folder: Path) -> Path:
    """Make the folder of this node's logs, and let nobody but its owner look into it; return its path."""
    logs = log_folder(folder)
    for path in (folder / "logs", logs):
        path.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        with suppress(PermissionError):  # another user's, which was there before
            path.chmod(PRIVATE)
    return logs
