"""The check that the picture of a question for words shows the region of its mark, as the renderer does."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from grounding.boxes import Size, from_grid
from grounding.files import is_regular, lies_inside
from grounding.images.pixels import UNREADABLE, read_pixels
from grounding.regions.region_mark import Region
from grounding.regions.shown_region import draw_shown_region
from prepare.progress import progress_bar

WORKERS = min(8, os.cpu_count() or 1)


class ShownRegion(NamedTuple):
    """A question for words: its line, its picture in the data set's folder, and its region."""

    line: int
    image: str
    region: Region


def find_shown_otherwise(folder: Path, asked: Sequence[ShownRegion]) -> Iterator[ShownRegion]:
    """Yield the questions whose picture has other pixels than the renderer makes of the mark's own image.

    Those whose mark names no image are not looked at, nor those of which a file is missing or unreadable: the
    check of the images says so.
    """
    if not asked:
        return
    left = iter(asked)
    with ThreadPoolExecutor(WORKERS) as pool, progress_bar(len(asked), "looking at regions") as progress:
        while some := list(islice(left, 4 * WORKERS)):
            judged = pool.map(lambda item: _is_shown(folder, item), some)
            for item, is_shown in zip(some, judged, strict=True):
                progress.update()
                if not is_shown:
                    yield item


def _is_shown(folder: Path, item: ShownRegion) -> bool:
    if item.image == item.region.image:
        return item.region.show == "text"
    paths = [folder / name for name in (item.region.image, item.image)]
    if not item.region.image or not all(lies_inside(path, folder) and is_regular(path) for path in paths):
        return True
    try:
        original, picture = map(read_pixels, paths)
    except UNREADABLE:
        return True
    expected = draw_shown_region(
        original, from_grid(*item.region.box, Size(*original.size)), item.region.show
    )
    return picture.size == expected.size and picture.tobytes() == expected.tobytes()
