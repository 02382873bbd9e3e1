"""A run reads the same batches from a cache, bit by bit, and decodes no image."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from tests.train.lengths.odd_records import write_records

ROOT = Path(__file__).resolve().parents[3]
READER = Path(__file__).with_name("cached_batches.py")
READ = "READ "


def test_batches_are_equal_with_and_without_a_cache(make_recipe: Callable[..., Path], tmp_path: Path) -> None:
    files = [write_records(tmp_path / "many", 40), write_records(tmp_path / "few", 21)]
    damaged = tmp_path / "many" / "images" / "11.png"
    Image.effect_noise((90, 90), 50).save(damaged)
    damaged.write_bytes(damaged.read_bytes()[:2000])  # a sound header: only decoding finds it
    for number in range(20, 30):
        Image.effect_noise((70 + number, 90), 80).convert("RGB").save(tmp_path / f"many/images/{number}.png")
    recipe = make_recipe(both=[str(file) for file in files], max_seq_len=300)
    done = subprocess.run(
        [sys.executable, str(READER), str(recipe), str(tmp_path / "cache")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    rows = [json.loads(line.removeprefix(READ)) for line in done.stdout.splitlines() if line.startswith(READ)]
    assert len(rows) == 19
    for row in rows:
        assert row["with"] == row["without"], row["way"]
        assert len(set(row["without"])) > 4, "the batches differ from one another"
