"""A probe in a training run of PaddleFormers: saves its batches, its waits for data, and a profile."""

import atexit
import cProfile
import json
import pstats
import time
from pathlib import Path
from typing import Any

SKIPPED_STEPS = 10
"""The first steps are not measured: they allocate memory and fill queues."""

FUNCTIONS = 20


def install() -> None:
    """Wrap the trainer's step and its data loader's iterators; write the findings when the run ends."""
    from paddle.io.dataloader import dataloader_iter
    from paddleformers.trainer.trainer import Trainer

    profile = cProfile.Profile()
    state: dict[str, Any] = {"steps": 0, "waiting": 0.0, "start": 0.0, "end": 0.0, "folder": None}
    step = Trainer.training_step

    def training_step(self: Any, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        state["folder"] = Path(self.args.output_dir)
        save_batch(state["folder"] / "batches", state["steps"], inputs)
        if state["steps"] == SKIPPED_STEPS:
            state["start"], state["waiting"] = time.perf_counter(), 0.0
            profile.enable()
        result = step(self, model, inputs, *args, **kwargs)
        state["steps"] += 1
        state["end"] = time.perf_counter()
        return result

    Trainer.training_step = training_step
    for name in ("_DataLoaderIterSingleProcess", "_DataLoaderIterMultiProcess"):
        watch_iterator(getattr(dataloader_iter, name), state)

    def write() -> None:
        profile.disable()
        if state["folder"] is None:
            return
        stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
        own = sorted(((row[2], place) for place, row in stats.items()), reverse=True)[:FUNCTIONS]
        found = {
            "steps": state["steps"] - SKIPPED_STEPS,
            "seconds": state["end"] - state["start"],
            "waiting_seconds": state["waiting"],
            "functions": [
                (f"{Path(file).name}:{line} {function}" if line else function, seconds)
                for seconds, (file, line, function) in own
            ],
        }
        (state["folder"] / "probe.json").write_text(json.dumps(found), encoding="utf-8")

    atexit.register(write)


def watch_iterator(kind: Any, state: dict[str, Any]) -> None:
    """Add the time that callers of an iterator wait to `state["waiting"]`, in seconds."""
    following = kind.__next__

    def __next__(self: Any) -> Any:  # noqa: N807
        start = time.perf_counter()
        try:
            return following(self)
        finally:
            state["waiting"] += time.perf_counter() - start

    kind.__next__ = __next__


def save_batch(folder: Path, number: int, inputs: dict[str, Any]) -> None:
    """Write a batch as numpy arrays, for another framework to train on."""
    import numpy as np

    folder.mkdir(exist_ok=True)
    arrays = {name: value.numpy() for name, value in inputs.items() if hasattr(value, "numpy")}
    np.savez(folder / f"{number:05d}.npz", **arrays)
