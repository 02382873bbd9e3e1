"""YOLO: data.yaml, images/SPLIT, and labels/SPLIT with one text file per image.

Source of the format: the data set page for detect of docs.ultralytics.com. A line is a class index and cx,
cy, width, height as shares of the image. An image without objects has an empty file.
"""

from collections import Counter
from pathlib import Path

from grounding.files import write_text
from prepare.export import left_out
from prepare.export.export_types import ExportedData, ExportedImage, ExportedObject, FormatFacts
from prepare.progress import watched

FORMAT = FormatFacts("YOLO (Ultralytics), with data.yaml", "images/{split}")

DIGITS = 9
"""After the point: a millionth of a pixel in an image of 1,000 pixels."""


def save(data: ExportedData, folder: Path) -> Counter[str]:
    """Write data.yaml and a label file for each image; a box without area in these digits is counted."""
    import yaml

    dropped: Counter[str] = Counter()
    index = {name: number for number, name in enumerate(data.names)}
    for split, images in data.images.items():
        for image in watched(images, f"writing {split}"):
            path = folder / "labels" / split / f"{image.stem}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = [_line(item, image, index) for item in image.objects]
            dropped[left_out.THIN_BOX] += lines.count("")
            path.write_text("".join(lines), encoding="utf-8")
    content = {split: f"images/{split}" for split in data.images} | {"names": dict(enumerate(data.names))}
    write_text(folder / "data.yaml", yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=1000))
    return +dropped


def _line(item: ExportedObject, image: ExportedImage, index: dict[str, int]) -> str:
    """Return the line of an object, "" if its box loses its area."""
    cx, cy, width, height = item.box.cxcywh
    across, down = image.size.width, image.size.height
    shares = [f"{share:.{DIGITS}f}" for share in (cx / across, cy / down, width / across, height / down)]
    if not (float(shares[2]) and float(shares[3])):
        return ""
    return f"{index[item.label]} {' '.join(shares)}\n"
