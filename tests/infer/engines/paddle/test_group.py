"""One model over two processes answers as one process does."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grounding.recipe.loading import load_recipe
from infer.engines.checkpoint import find_checkpoint, fingerprint_checkpoint
from infer.engines.opening import open_engine
from infer.recipe import InferRecipe
from infer.runs.predict import predict
from tests.infer.conftest import ROOT, write_dataset
from tests.models.heads.random_head import save_random_head
from train.launch.command import free_port

SCRIPT = Path(__file__).with_name("gloo_main.py")
SAMPLED = {"temperature": 0.8, "score": "min_prob"}
GRAMMAR = {"temperature": 4.0, "grammar": "objects", "grammar_labels": "categories", "max_new_tokens": 60}
HEAD = {"boxes": "head", "score": "head"}
SEVERAL = {"temperature": 0.8, "agree": 2, "seed": 3}
SHARED = {**SAMPLED, "per_category": "true", "wording": "category.en1", "agree": 2, "seed": 7}


def write_recipe(folder: Path, checkpoint: Path, dataset: Path, **changes: object) -> Path:
    values = {
        "checkpoint": checkpoint,
        "dataset": dataset,
        "output_dir": folder / "out",
        "split": "train",
        "device": "cpu",
        "batch_size": 3,
        "max_new_tokens": 12,
        **changes,
    }
    folder.mkdir()
    path = folder / "recipe.yaml"
    path.write_text("".join(f"{key}: {value}\n" for key, value in values.items()))
    return path


def run(words: list[str], **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )


def show_the_next_picture(path: Path) -> None:
    """Let each record show the picture of the next one, too."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    names = [row["images"][0] for row in rows]
    for row, other in zip(rows, [*names[1:], names[0]], strict=True):
        row["images"].append(other)
        for message in row["messages"]:
            message["content"] = message["content"].replace("<image>", "<image> and <image>")
        row["messages"][-1]["content"] = f"Image 1: {row['messages'][-1]['content']}"
        row["objects"]["image_id"] = [0] * len(row["objects"]["bbox"])
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


WAYS: dict[str, tuple[str, dict[str, object]]] = {
    "greedy": ("dense", {}),
    "shared images": ("dense", SHARED),
    "grammar and box head": ("dense", GRAMMAR | HEAD),
    "mixture": ("mixture", SAMPLED),
    "several pictures": ("dense", SEVERAL),
}


@pytest.fixture(scope="module")
def answered(
    tiny_checkpoint: Path, tiny_mixture: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[bytes, bytes]]:
    """Return the predictions of a way by one process and by two, which are started once for all ways."""
    folder = tmp_path_factory.mktemp("group")
    checkpoints = {"dense": tiny_checkpoint, "mixture": tiny_mixture}
    words = []
    for name, (model, changes) in WAYS.items():
        place, checkpoint = folder / name, checkpoints[model]
        place.mkdir()
        dataset = write_dataset(place / "data").path
        if changes is SEVERAL:
            show_the_next_picture(dataset / "train.jsonl")
        if changes.keys() >= HEAD.keys():
            head = save_random_head(place, fingerprint_checkpoint(find_checkpoint(checkpoint)))
            changes = {**changes, "box_head": head}
        one = write_recipe(place / "one", checkpoint, dataset, **changes)
        predict(load_recipe(InferRecipe, one), open_engine)
        two = write_recipe(place / "two", checkpoint, dataset, tensor_parallel=2, **changes)
        words += [str(two), str(free_port())]
    launcher = ["-m", "paddle.distributed.launch", "--nproc_per_node", "2", "--run_mode", "collective"]
    launcher += ["--master", f"127.0.0.1:{free_port()}", "--log_dir", str(folder / "logs")]
    done = run([*launcher, str(SCRIPT), *words], PADDLE_DISTRI_BACKEND="gloo", CUDA_VISIBLE_DEVICES="0,1")
    logs = "".join(path.read_text() for path in (folder / "logs").glob("workerlog.*"))
    assert done.returncode == 0, done.stdout + logs

    def read(name: str) -> tuple[bytes, bytes]:
        one, two = (folder / name / by / "out" / "predictions.jsonl" for by in ("one", "two"))
        return one.read_bytes(), two.read_bytes()

    return read


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_two_processes_answer_as_one(answered: Callable[[str], tuple[bytes, bytes]], way: str) -> None:
    rows = answered(way)
    assert len(rows[0].splitlines()) == 7
    if WAYS[way][1].keys() >= HEAD.keys():
        compare_what_the_head_says(*([json.loads(line) for line in each.splitlines()] for each in rows))
    else:
        assert rows[0] == rows[1]


def compare_what_the_head_says(one: list[dict[str, Any]], two: list[dict[str, Any]]) -> None:
    """The texts are the same; the last digits of corrected boxes and of scores may differ."""
    assert [row["raw"] for row in one] == [row["raw"] for row in two]
    found, others = ([each for row in rows for each in row["detections"]] for rows in (one, two))
    assert [each["label"] for each in found] == [each["label"] for each in others]
    for each, other in zip(found, others, strict=True):
        assert each["score"] == pytest.approx(other["score"], abs=2e-4)
        assert each["box"] == pytest.approx(other["box"], abs=0.01)
    assert len({each["score"] for each in found}) > 2  # the head has read them


def test_without_gpus_it_is_refused(tiny_checkpoint: Path, dataset: Any, tmp_path: Path) -> None:
    path = write_recipe(tmp_path / "two", tiny_checkpoint, dataset.path, tensor_parallel=2)
    done = run(["-m", "infer", str(path)])
    assert done.returncode == 2
    assert "tensor_parallel: 2 parts of a model need 2 GPUs, 0 are visible" in done.stdout
