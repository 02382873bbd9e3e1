"""`python benchmarks/prepare.py [--load cached|large]`: compare the prepare step with the plain way.

There are two loads of photographs of 640 x 480 with about 155 KB each, made here: `cached`, 4,000 of which
3,000 are drawn, which fit into the page cache, in row groups of 100, as the library `datasets` writes images;
and `large`, 15,000 which are all taken, in row groups of 64, 500, 1000 and all rows of a file. Arrow holds a
page of a column twice while it reads it, and a page is up to 1024 rows: that decides the peak of memory.

Each way is measured in a process of its own: the plain way (pandas on whole files, every JPEG decoded and
encoded again, one process), `python -m prepare` with verify=header and verify=decode, and `cp -r` of the
result. It needs about 6 times 155 KB of disk per image, 14 GB for the large load. All results are removed,
the sources are kept.
"""

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
WIDTH, HEIGHT = 640, 480
TARGET_BYTES = 155_000
TEXTURES = 200
"""Number of different pictures. Each image is one of them with its own comment, so that all bytes differ."""

VAL_SHARE = 0.01


@dataclass(frozen=True)
class Load:
    """A source: how many images it has, how many are drawn, and the rows per group of each training file.

    `drawn` None takes all images; a group of None holds all rows of its file.
    """

    images: int
    drawn: int | None
    row_groups: tuple[int | None, ...]

    @property
    def taken(self) -> int:
        """The number of images in the data set."""
        return self.drawn or self.images


LOADS = {
    "cached": Load(4000, 3000, (100, 100, 100, 100)),
    "large": Load(15000, None, (64, 500, 1000, None)),
}


@dataclass(frozen=True)
class Measured:
    """A process: wall-clock time, processor time, and peak of resident memory."""

    name: str
    seconds: float
    processor_seconds: float
    peak_mb: float


def main() -> None:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "data" / "benchmark")
    parser.add_argument("--load", choices=LOADS, help="measure one load (default: both, one after the other)")
    parser.add_argument("--step", choices=("source", "plain"), help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    for name in [arguments.load] if arguments.load else LOADS:
        source = folder / f"source_{name}"
        if arguments.step == "source":
            make_source(source, LOADS[name])
        elif arguments.step == "plain":
            prepare_plainly(source, arguments.out, LOADS[name])
        else:
            sys.stdout.write(table(list(measure_all(folder, source, name)), name))
            sys.stdout.flush()


def measure_all(folder: Path, source: Path, name: str) -> Iterator[Measured]:
    """Run every way once, on files that the system has just read, and remove all results at the end.

    Nothing is removed in between: for some minutes, ext4 does not reuse the inodes of removed files, and
    searches for free ones with every new file. For the same reason, wait five minutes between two runs.
    """
    own = [sys.executable, str(Path(__file__).resolve()), str(folder), "--load", name]
    drawn = LOADS[name].drawn
    if not (source / "done").is_file():
        measure("source", [*own, "--step", "source"])
    for path in source.glob("*.parquet"):  # so that all ways find the source in memory
        with path.open("rb") as file:
            while file.read(1 << 24):
                pass
    out = folder / f"run_{os.getpid()}"
    out.mkdir()
    try:
        yield measure("plain way", [*own, "--step", "plain", "--out", str(out / "plain")])
        yield measure("prepare, verify=decode", prepare_command(source, out / "decode", "decode", drawn))
        yield measure("prepare, verify=header", prepare_command(source, out / "header", "header", drawn))
        yield measure("cp -r", ["cp", "-r", str(out / "header"), str(out / "copy")])
        synced = 'cp -r "$0/header" "$0/synced" && sync'
        yield measure("cp -r, then sync", ["sh", "-c", synced, str(out)])
    finally:
        shutil.rmtree(out)


def prepare_command(source: Path, output: Path, verify: str, drawn: int | None) -> list[str]:
    """Return the command that prepares so many images of the source, or all."""
    words = ["source.hub=local", f"source.path={source}", f"output_dir={output}", f"verify={verify}"]
    recipe = ROOT / "recipes" / "prepare" / "coco.yaml"
    return [sys.executable, "-m", "prepare", str(recipe), *words, f"total_samples={drawn or 'null'}"]


def measure(name: str, command: list[str]) -> Measured:
    """Run a command to its end; this process is kept small, because a child's peak starts at its parent's.

    Raises:
        SystemExit: it failed.
    """
    os.sync()  # so that earlier writes do not happen during this measurement
    sys.stderr.write(f"{name} ...\n")
    log = ROOT / "data" / f".benchmark.{os.getpid()}.log"
    with log.open("w+b") as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        output.seek(0)
        text = output.read().decode(errors="replace")
    log.unlink()
    if status:
        raise SystemExit(f"{' '.join(command)}: failed\n{text}")
    return Measured(name, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def table(rows: list[Measured], name: str) -> str:
    """Return the measurements with their ratios, and the targets."""
    by_name = {row.name: row for row in rows}
    plain, copy = by_name["plain way"], by_name["cp -r"]
    load, busy = LOADS[name], os.getloadavg()[1]
    lines = [
        f"{name}: {load.taken:,} of {load.images:,} images of {WIDTH} x {HEIGHT}; {os.cpu_count()} "
        f"processors, load {busy:.1f} over the last 5 minutes"
    ]
    lines.append(
        f"{'':24}{'seconds':>9}{'CPU s':>9}{'images/s':>10}{'peak MB':>9}{'x plain':>9}{'x cp -r':>9}"
    )
    for row in rows:
        lines.append(
            f"{row.name:24}{row.seconds:9.1f}{row.processor_seconds:9.1f}{load.taken / row.seconds:10,.0f}"
            f"{row.peak_mb:9,.0f}{plain.seconds / row.seconds:9.1f}{row.seconds / copy.seconds:9.2f}"
        )
    lines.append("targets of the cached load on an idle machine: decode 3.5 s, header 2.7 s; peak 250 MB")
    return "\n".join(lines) + "\n"


def make_source(folder: Path, load: Load) -> None:
    """Write the parquet files: one percent of the images for validation, the others in four files."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from prepare.shapes.parquet import SCHEMA

    images, row_groups = load.images, load.row_groups
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    chance = np.random.default_rng(0)
    textures = [make_texture(chance) for _ in range(min(TEXTURES, images))]
    val = max(1, round(images * VAL_SHARE))
    edges = [val + round((images - val) * part / len(row_groups)) for part in range(len(row_groups) + 1)]
    files = [("val-00000-of-00001", 0, val, 100)]
    for part, group in enumerate(row_groups):
        name = f"train-{part:05d}-of-{len(row_groups):05d}"
        files.append((name, edges[part], edges[part + 1], group or images))
    for name, start, stop, group in files:
        with pq.ParquetWriter(folder / f"{name}.parquet", SCHEMA) as writer:
            for first in range(start, stop, group):
                rows = [make_row(i, textures, chance) for i in range(first, min(stop, first + group))]
                writer.write_table(pa.Table.from_pylist(rows, SCHEMA), row_group_size=group)
    (folder / "done").touch()


def make_texture(chance: Any) -> bytes:
    """Return a JPEG with detail at several scales, about as large as one of a photograph."""
    import numpy as np
    from PIL import Image

    pixels = np.zeros((HEIGHT, WIDTH, 3))
    for scale, weight in ((80, 60.0), (16, 30.0), (4, 18.0), (1, 6.0)):
        noise = chance.uniform(-1, 1, (HEIGHT // scale, WIDTH // scale, 3)).astype(np.float32)
        layers = [Image.fromarray(noise[..., channel]) for channel in range(3)]
        grown = [layer.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC) for layer in layers]
        pixels += weight * np.stack([np.asarray(layer) for layer in grown], axis=-1)
    picture = Image.fromarray((128 + pixels).clip(0, 255).astype(np.uint8))
    files = []
    for quality in range(70, 98):
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality)
        files.append(buffer.getvalue())
    return min(files, key=lambda data: abs(len(data) - TARGET_BYTES))


def make_row(image_id: int, textures: list[bytes], chance: Any) -> dict[str, Any]:
    """Return a row in the layout of detection-datasets/coco, with 1 to 14 objects."""
    data = textures[image_id % len(textures)]
    comment = str(image_id).encode()
    # A comment segment after the start marker: marker, length (these two bytes included), text.
    data = data[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + data[2:]
    count = int(chance.integers(1, 15))
    corners = chance.integers(0, (WIDTH - 40, HEIGHT - 40), (count, 2))
    sides = chance.integers(8, 40, (count, 2))
    boxes = [
        [float(x), float(y), float(x + w), float(y + h)]
        for (x, y), (w, h) in zip(corners, sides, strict=True)
    ]
    return {
        "image_id": image_id + 1,
        "image": {"bytes": data, "path": f"{image_id + 1:012d}.jpg"},
        "width": WIDTH,
        "height": HEIGHT,
        "objects": {
            "bbox_id": list(range(count)),
            "category": [int(index) for index in chance.integers(0, 80, count)],
            "bbox": boxes,
            "area": [float(w * h) for w, h in sides],
        },
    }


def prepare_plainly(source: Path, output: Path, load: Load) -> None:
    """Do what most scripts do: pandas reads whole files, every picture is encoded again, one process."""
    import pandas as pd
    from PIL import Image

    from grounding.categories import COCO_CATEGORIES

    (output / "images").mkdir(parents=True)
    for split in ("train", "val"):
        with (output / f"{split}.jsonl").open("w", encoding="utf-8") as file:
            for path in sorted(source.glob(f"{split}-*.parquet")):
                frame = pd.read_parquet(path)
                for row in frame.sample(frac=load.taken / load.images, random_state=0).itertuples():
                    name = f"images/{row.image_id:012d}.jpg"
                    Image.open(io.BytesIO(row.image["bytes"])).convert("RGB").save(output / name)
                    scale = (row.width, row.height, row.width, row.height)
                    boxes = [
                        [round(value * 1000 / side) for value, side in zip(box, scale, strict=True)]
                        for box in row.objects["bbox"]
                    ]
                    labels = [COCO_CATEGORIES[index].name for index in row.objects["category"]]
                    messages = [
                        {"role": "user", "content": "<image>Task: Object Detection"},
                        {"role": "assistant", "content": ", ".join(["<ref-object><bbox>"] * len(boxes))},
                    ]
                    record = {
                        "messages": messages,
                        "images": [name],
                        "objects": {"ref": labels, "bbox": boxes},
                    }
                    file.write(json.dumps(record, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
