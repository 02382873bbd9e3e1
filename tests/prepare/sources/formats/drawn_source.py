"""Sources for tests of the formats: pictures of 200 x 100 pixels, and what a data set got from them."""

import io
import json
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

WIDTH, HEIGHT = 200, 100


def picture(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT), (number % 256, 90, 7)).save(buffer, "PNG")
    return buffer.getvalue()


def write_pictures(folder: Path, names: Sequence[str]) -> None:
    """Write an image for each name, each with another colour."""
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(picture(number))


def boxes_in(
    dataset: Path, names: Sequence[str], split: str = "train"
) -> dict[str, list[tuple[str, list[float]]]]:
    """Return labels and boxes in pixels by the name of the picture, which its bytes tell."""
    by_bytes = {picture(number): name for number, name in enumerate(names)}
    found: dict[str, list[tuple[str, list[float]]]] = {}
    for line in (dataset / f"{split}.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        name = by_bytes[(dataset / row["images"][0]).read_bytes()]
        objects = row["objects"]
        found[name] = [
            (label, [value * side / 1000 for value, side in zip(box, (WIDTH, HEIGHT) * 2, strict=True)])
            for label, box in zip(objects["ref"], objects["bbox"], strict=True)
        ]
    return found
