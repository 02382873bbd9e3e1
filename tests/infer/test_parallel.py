"""Two processes on a CPU predict what one does, and a failure of one ends all."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def run(module: str, recipe: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, str(recipe), *words],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )


def write_recipe(folder: Path, **keys: Any) -> Path:
    path = folder / "recipe.yaml"
    path.write_text("".join(f"{key}: {value}\n" for key, value in keys.items()), encoding="utf-8")
    return path


def test_two_processes_predict_what_one_does(tiny_checkpoint: Path, dataset: Any, tmp_path: Path) -> None:
    recipe = write_recipe(
        tmp_path, checkpoint=tiny_checkpoint, dataset=dataset.path, output_dir=tmp_path / "out", device="cpu"
    )
    words = ("max_new_tokens=6", "batch_size=2")
    two = run("infer.parallel", recipe, *words, "processes=2")
    assert two.returncode == 0, two.stderr
    assert "7 of 7 images scored" in two.stdout
    assert (tmp_path / "out" / "predictions.1-of-2.jsonl").is_file()
    one = run("infer", recipe, *words, f"output_dir={tmp_path / 'one'}")
    assert one.returncode == 0, one.stderr
    expected = (tmp_path / "one" / "predictions.jsonl").read_bytes()
    assert (tmp_path / "out" / "predictions.jsonl").read_bytes() == expected


def test_a_failure_is_shown(tiny_checkpoint: Path, dataset: Any, tmp_path: Path) -> None:
    (dataset.path / "images" / "000102.png").write_bytes(b"not an image")  # of the second shard
    recipe = write_recipe(
        tmp_path, checkpoint=tiny_checkpoint, dataset=dataset.path, output_dir=tmp_path / "out", device="cpu"
    )
    done = run("infer.parallel", recipe, "max_new_tokens=2", "processes=2")
    assert done.returncode == 2
    assert "000102.png: not usable as an image" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: shard=1/2 ended with exit code 2")


def test_wrong_keys_are_named(dataset: Any, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, checkpoint="none", dataset=dataset.path, output_dir=tmp_path / "out")
    for words, message in {
        ("processes=0",): "processes: '0' is not a whole number of 1 or more",
        ("processes=2", "shard=0/2"): "shard: this command sets it",
        ("device=cpu",): "processes: there is no GPU to count",
    }.items():
        done = run("infer.parallel", recipe, *words)
        assert done.returncode == 2
        assert message in done.stderr
