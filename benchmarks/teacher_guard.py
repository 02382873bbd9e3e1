"""How well the guard of `python -m prepare.describe` knows copies of photographs, and how rarely it errs.

python benchmarks/teacher_guard.py PARQUET [PARQUET ...]

The files are in the layout of detection-datasets/coco. Every photograph is saved anew in several ways; the
guard has to find its original among all photographs. Without its original, it has to find none.
"""

import argparse
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from grounding.images.pixels import model_pixels
from prepare.describe.guard.picture_print import PicturePrint, PrintBook, differing_bits, make_print

Copy = Callable[[Image.Image], Image.Image]


def saved(picture: Image.Image, image_format: str, quality: int) -> Image.Image:
    """Return a picture after it was saved and opened."""
    file = io.BytesIO()
    picture.save(file, image_format, quality=quality)
    return model_pixels(Image.open(file))


def scaled(picture: Image.Image, factor: float) -> Image.Image:
    """Return a picture in another size."""
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.resize(size, Image.Resampling.BICUBIC)


def squared(picture: Image.Image) -> Image.Image:
    """Return a picture as a square of 224 pixels, as many data sets store it."""
    return picture.resize((224, 224), Image.Resampling.BILINEAR)


COPIES: dict[str, Copy] = {
    "JPEG quality 90": lambda picture: saved(picture, "JPEG", 90),
    "JPEG quality 50": lambda picture: saved(picture, "JPEG", 50),
    "JPEG quality 20": lambda picture: saved(picture, "JPEG", 20),
    "WebP quality 50": lambda picture: saved(picture, "WEBP", 50),
    "half the size": lambda picture: scaled(picture, 0.5),
    "a quarter of the size": lambda picture: scaled(picture, 0.25),
    "twice the size": lambda picture: scaled(picture, 2),
    "224 x 224 pixels": squared,
    "half the size, JPEG 50": lambda picture: saved(scaled(picture, 0.5), "JPEG", 50),
}


def read_photographs(paths: list[Path]) -> Iterator[Image.Image]:
    """Yield the photographs of parquet files."""
    import pyarrow.parquet as pq

    for path in paths:
        for row in pq.read_table(path, columns=["image"]).to_pylist():
            yield model_pixels(Image.open(io.BytesIO(row["image"]["bytes"])))


def distances(book: list[PicturePrint], copy: PicturePrint) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the bits and the thumbnails' mean difference to each of the prints."""
    bits = np.array([int(differing_bits(item.bits, copy.bits)) for item in book])
    seen = copy.thumbnail.astype(float)
    return bits, np.array([np.abs(item.thumbnail - seen).mean() for item in book])


def main() -> int:
    """Print a line for each kind of copy."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", metavar="PARQUET", nargs="+", type=Path)
    photographs = list(read_photographs(parser.parse_args().files))
    prints = [make_print(picture) for picture in photographs]
    book = PrintBook(prints)
    print(f"{len(photographs)} photographs")
    wrong = 0
    for name, copy in COPIES.items():
        found, most_bits, most_difference = 0, 0, 0.0
        for place, picture in enumerate(photographs):
            seen = make_print(copy(picture))
            found += book.find(seen) == place
            bits, difference = distances([prints[place]], seen)
            most_bits, most_difference = (
                max(most_bits, int(bits[0])),
                max(most_difference, float(difference[0])),
            )
            others = PrintBook(prints[:place] + prints[place + 1 :]).find(seen)
            wrong += others is not None
        print(
            f"{name:<24}{found} of {len(photographs)} originals found; "
            f"largest distance {most_bits} bits, {most_difference:.1f} steps"
        )
    pairs = [distances(prints[:place], seen) for place, seen in enumerate(prints) if place]
    least = min(int(bits.min()) for bits, _ in pairs)
    print(
        f"without its original, a copy is taken for another photograph {wrong} times of "
        f"{len(photographs) * len(COPIES)}; two photographs differ in {least} bits or more"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
