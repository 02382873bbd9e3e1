"""Records with images of many sizes and kinds, and some that a run drops."""

import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).resolve().parents[3]
READ = "READ "
SIZES = ((64, 64), (40, 300), (300, 40), (7, 9), (1, 250), (250, 1), (127, 65), (16, 400), (33, 47))


def write_records(folder: Path, count: int) -> Path:
    """Write records with images of many sizes and kinds, none or two of them, and some that a run drops."""
    chance = random.Random(f"{folder.name} {count}")
    (folder / "images").mkdir(parents=True)
    rows = []
    for number in range(count):
        size, mode = chance.choice(SIZES), chance.choice(("RGB", "L", "P", "RGBA"))
        name = f"images/{number}.png"
        Image.new(mode, size, 100).save(folder / name)
        objects = chance.randint(1, 12)
        rows.append(
            {
                "messages": [
                    {"role": "system", "content": "You are a helpful assistant."},
                    {"role": "user", "content": "<image>Task: Object Detection"},
                    {"role": "assistant", "content": ", ".join(["<ref-object><bbox>"] * objects)},
                ],
                "images": [name],
                "objects": {"ref": ["red square"] * objects, "bbox": [[1, 2, 300, 400]] * objects},
            }
        )
    rows[3]["images"] = ["images/missing.png"]
    (folder / "images" / "broken.png").write_bytes(b"no picture")
    rows[5]["images"] = ["images/broken.png"]
    rows[7] |= {"images": [], "messages": [{"role": "user", "content": "red?"}, rows[7]["messages"][-1]]}
    rows[8]["messages"][1]["content"] = "<image>and<image>Task: Object Detection"  # type: ignore[index]
    rows[8]["images"] = ["images/0.png", "images/1.png"]
    rows[9]["messages"][1]["content"] = "no placeholder"  # type: ignore[index]
    rows[10]["label"] = [0]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "train.jsonl"


def damage_image(path: Path) -> None:
    """Put a picture with a sound header in the place of an image: only decoding finds that it is cut."""
    Image.effect_noise((90, 90), 50).save(path)
    path.write_bytes(path.read_bytes()[:2000])


def rows_of(python: list[str], script: Path, *words: Path) -> list[dict[str, Any]]:
    """Run a script of the tests with a Python, and return the rows of JSON that it prints behind READ."""
    done = subprocess.run(
        [*python, str(script), *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line.removeprefix(READ)) for line in done.stdout.splitlines() if line.startswith(READ)]
