"""One model over two processes answers as one process does."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infer.engines.checkpoint import find_checkpoint, fingerprint_checkpoint
from tests.infer.conftest import ROOT
from tests.models.heads.random_head import save_random_head

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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "changes"),
    [
        ("tiny_checkpoint", {}),
        ("tiny_checkpoint", SHARED),
        ("tiny_checkpoint", GRAMMAR | HEAD),
        ("tiny_mixture", SAMPLED),
        ("tiny_checkpoint", SEVERAL),
    ],
    ids=["greedy", "shared images", "grammar and box head", "mixture", "several pictures"],
)
def test_two_processes_answer_as_one(
    model: str, changes: dict[str, object], dataset: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    checkpoint: Path = request.getfixturevalue(model)
    if changes is SEVERAL:
        show_the_next_picture(dataset.path / "train.jsonl")
    if changes.keys() >= HEAD.keys():
        head = save_random_head(tmp_path, fingerprint_checkpoint(find_checkpoint(checkpoint)))
        changes = {**changes, "box_head": head}
    one = write_recipe(tmp_path / "one", checkpoint, dataset.path, **changes)
    done = run(["-m", "infer", str(one)])
    assert done.returncode == 0, done.stdout
    two = write_recipe(tmp_path / "two", checkpoint, dataset.path, tensor_parallel=2, **changes)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        master = f"127.0.0.1:{probe.getsockname()[1]}"
    launcher = ["-m", "paddle.distributed.launch", "--nproc_per_node", "2", "--run_mode", "collective"]
    words = [*launcher, "--master", master, "--log_dir", str(tmp_path / "logs"), str(SCRIPT), str(two)]
    done = run(words, PADDLE_DISTRI_BACKEND="gloo", CUDA_VISIBLE_DEVICES="0,1")
    logs = "".join(path.read_text() for path in (tmp_path / "logs").glob("workerlog.*"))
    assert done.returncode == 0, done.stdout + logs
    rows = [(tmp_path / name / "out" / "predictions.jsonl").read_bytes() for name in ("one", "two")]
    assert len(rows[0].splitlines()) == 7
    if changes.keys() >= HEAD.keys():
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
