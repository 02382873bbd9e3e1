"""`python benchmarks/masks.py [--photographs FOLDER]`: masks by GrabCut, on drawn shapes and on photographs.

Drawn shapes (prepare.shapes, no two of one colour in a picture, at two sizes) have a true mask: the pixels
that a shape covers by half or more. Photographs, in the layout of detection-datasets/coco, have boxes only:
the box around the mask is compared with the object's. A click goes to the middle of the object's box, even
where that is not on the object; a box prompt is the object's box. Columns: mean IoU with its 95 % interval
(bootstrap over pictures), the share of objects at IoU 0.5 and 0.8, the lowest IoU, and the median processor
seconds an object. Sizes are COCO's: below 32 x 32 pixels of area, below 96 x 96, and above.

Three rules for a click are compared, on every fourth photograph: GrabCut in a rectangle of 0.4 of the
picture's sides around the click, the grown region alone, and GrabCut around the grown region, which is what
backend=grabcut does.
"""

import argparse
import io
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from grounding.boxes import Box, iou
from grounding.tables import markdown_table
from infer.engines.segment import grabcut_segmenter
from infer.engines.segment.grabcut_segmenter import GrabCutSegmenter
from infer.engines.segment.segmenter import Click, MaskPrompt, hull_box, mask_iou
from infer.scoring.resampling.bootstrap import draw_images, interval
from prepare.shapes.picture import GROUND, render_scene
from prepare.shapes.scenes import COLOUR_VALUES, SHAPES, ShapeSettings, draw_scenes

RECTANGLE = 0.4
SIZES = {"small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, float("inf"))}
HEADER = ("", "objects", "mean IoU", "interval", "IoU >= 0.5", "IoU >= 0.8", "lowest", "CPU s")

Pixels = npt.NDArray[Any]
Mask = npt.NDArray[Any]
Found = tuple[int, float, float, float]
"""Picture, area of the object, IoU, seconds."""


def main() -> int:
    """Measure, and print the tables as Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photographs", type=Path, default=ROOT.parent / "shared" / "coco_sample")
    parser.add_argument("--split", default="val", help="files of FOLDER begin with it (default: val)")
    parser.add_argument("--shapes", type=int, default=100, help="drawn pictures of each size")
    options = parser.parse_args()
    rows = []
    for side in (64, 256):
        shapes = list(drawn(options.shapes, side))
        for name, ask in PROMPTS.items():
            rows.append(line(f"{side} x {side}, {name}", [*measure(shapes, ask, f"{side}, {name}")]))
    print("drawn shapes, IoU with the true mask\n")
    print(markdown_table(HEADER, rows), flush=True)
    if not options.photographs.is_dir():
        print(f"no photographs in {options.photographs}: name a folder with --photographs")
        return 0
    objects = list(photographed(options.photographs, options.split))
    rows = []
    for name in ("click", "box"):
        found = [*measure(objects, PROMPTS[name], name)]
        rows.append(line(f"{name}, all", found))
        for size, (low, high) in SIZES.items():
            if part := [each for each in found if low <= each[1] < high]:
                rows.append(line(f"{name}, {size}", part))
    print("photographs, IoU of the mask's box with the object's\n", flush=True)
    print(markdown_table(HEADER, rows), flush=True)
    pictures = list(dict.fromkeys(each[0] for each in objects))[::4]
    some = [each for each in objects if each[0] in pictures]
    rows = [line(name, [*measure(some, ask, name)]) for name, ask in PROMPTS.items()]
    print("rules, on every fourth photograph\n")
    print(markdown_table(HEADER, rows))
    return 0


def by_rectangle(picture: Image.Image, box: Box) -> Mask:
    """Cut within a rectangle around the click."""

    def rectangle(pixels: Pixels, wanted: list[tuple[int, int]], _: object) -> Mask:
        (x, y), mask = wanted[0], np.zeros(pixels.shape[:2], dtype=np.bool_)
        down, across = (int(side * RECTANGLE / 2) for side in mask.shape)
        mask[max(y - down, 0) : y + down + 1, max(x - across, 0) : x + across + 1] = True
        return mask

    def undecided(pixels: Pixels, labels: Pixels, place: Mask) -> Mask:
        labels = np.where(labels == 1, 3, labels).astype(np.uint8)  # sure is the click alone
        shrink = min(1.0, grabcut_segmenter.LONGEST_SIDE / max(picture.size))
        x, y = (int(value * shrink) for value in clicked(box))
        labels[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] = 1
        return REFINED(pixels, labels, place)

    return patched(picture, box, grow_region=rectangle, _refined=undecided)


def by_region(picture: Image.Image, box: Box) -> Mask:
    """Take the grown region as it is."""
    return patched(picture, box, _refined=lambda _, labels, __: labels == 1)


def by_click(picture: Image.Image, box: Box) -> Mask:
    """Ask the backend by a click in the middle of a box."""
    x, y = clicked(box)
    return GrabCutSegmenter().segment(picture, MaskPrompt((Click(x, y),)))[0].mask


def by_box(picture: Image.Image, box: Box) -> Mask:
    """Ask the backend by a box."""
    return GrabCutSegmenter().segment(picture, MaskPrompt(box=box))[0].mask


Prompt = Callable[[Image.Image, Box], Mask]
PROMPTS: dict[str, Prompt] = {
    "click, rectangle": by_rectangle,
    "click, region alone": by_region,
    "click": by_click,
    "box": by_box,
}
REFINED = grabcut_segmenter._refined


def patched(picture: Image.Image, box: Box, **other: object) -> Mask:
    """Ask by a click while parts of the backend are exchanged."""
    kept = {name: getattr(grabcut_segmenter, name) for name in other}
    try:
        for name, part in other.items():
            setattr(grabcut_segmenter, name, part)
        return by_click(picture, box)
    finally:
        for name, part in kept.items():
            setattr(grabcut_segmenter, name, part)


def clicked(box: Box) -> tuple[float, float]:
    """Return the middle of a box, in pixels."""
    return (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2


Objects = list[tuple[int, Image.Image, Box, float, Mask | None]]
"""Picture's number, picture, box, area, and true mask."""


def drawn(pictures: int, side: int) -> Iterator[tuple[int, Image.Image, Box, float, Mask | None]]:
    """Yield the shapes of drawn pictures; in each, a colour has one shape."""
    turns = len(SHAPES)
    for turn in range(turns):
        classes = [f"{colour} {SHAPES[(at + turn) % turns]}" for at, colour in enumerate(COLOUR_VALUES)]
        settings = ShapeSettings(
            images=pictures // turns, val_images=0, seed=turn, image_size=side, max_objects=3, classes=classes
        )
        for number, scene in enumerate(draw_scenes(settings)):
            picture = render_scene(scene, settings)
            for shape in scene:
                colour = COLOUR_VALUES[classes[shape[0]].split(" ")[0]]
                box = Box(*(float(edge * side // settings.cells) for edge in shape[1]))
                mask = covered(render_scene((shape,), settings), colour)
                yield turn * pictures + number, picture, box, float(mask.sum()), mask


def covered(alone: Image.Image, colour: tuple[int, int, int]) -> Mask:
    """Return the pixels that a shape on the ground covers by half or more."""
    ground = np.array(GROUND, dtype=np.float64)
    towards = np.array(colour) - ground
    return np.asarray((np.asarray(alone) - ground) @ towards / (towards @ towards) >= 0.5)


def photographed(folder: Path, split: str) -> Iterator[tuple[int, Image.Image, Box, float, Mask | None]]:
    """Yield the objects of photographs."""
    import pyarrow.parquet as pq

    for file in sorted(folder.glob(f"{split}-*.parquet")):
        for row in pq.read_table(file).to_pylist():
            picture = Image.open(io.BytesIO(row["image"]["bytes"])).convert("RGB")
            for corners, area in zip(row["objects"]["bbox"], row["objects"]["area"], strict=True):
                yield row["image_id"], picture, Box(*corners), area, None


def measure(objects: Objects, ask: Prompt, title: str) -> Iterator[Found]:
    """Yield what a way of asking finds of each object."""
    for number, picture, box, area, true in tqdm(objects, desc=title, unit="object", leave=False):
        start = time.process_time()
        mask = ask(picture, box)
        seconds = time.process_time() - start
        hull = hull_box(mask)
        if true is not None:
            yield number, area, mask_iou(mask, true), seconds
        else:
            yield number, area, iou(hull, box) if hull is not None else 0.0, seconds


def line(name: str, found: list[Found]) -> tuple[str, ...]:
    """Return a row of the table."""
    values = np.array([each[2] for each in found])
    weights = draw_images([each[0] for each in found])
    low, high = interval(weights @ values / weights.sum(axis=1)) or (0.0, 0.0)
    shares = [f"{(values >= least).mean():.1%}" for least in (0.5, 0.8)]
    seconds = statistics.median(each[3] for each in found)
    return (
        name, str(len(found)), f"{values.mean():.3f}", f"{low:.3f} to {high:.3f}", *shares,
        f"{values.min():.3f}", f"{seconds:.3f}",
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
