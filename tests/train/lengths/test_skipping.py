"""A resumed run reads the batches that the interrupted one would have read next."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from tests.train.lengths.odd_records import write_records

ROOT = Path(__file__).resolve().parents[3]
READER = Path(__file__).with_name("skipped.py")
READ = "READ "


def test_the_batches_after_those_that_are_skipped_are_the_same(
    make_recipe: Callable[..., Path], tmp_path: Path
) -> None:
    data = write_records(tmp_path / "data", 40)
    damaged = tmp_path / "data" / "images" / "11.png"
    Image.effect_noise((90, 90), 50).save(damaged)
    damaged.write_bytes(damaged.read_bytes()[:2000])  # a sound header: only decoding finds it
    recipe = make_recipe(train_dataset_path=str(data), max_seq_len=300)
    done = subprocess.run(
        [sys.executable, str(READER), str(recipe)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    rows = [json.loads(line.removeprefix(READ)) for line in done.stdout.splitlines() if line.startswith(READ)]
    assert len(rows) == 10
    for row in rows:
        assert row["ours"] == row["own"], row["way"]
        assert len(set(row["own"])) > 5, "the batches differ from one another"
