"""The check that views show the regions of their mark, as preparing cuts them."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from grounding.boxes import GridBox
from grounding.files import is_regular, lies_inside
from grounding.images.pixels import UNREADABLE, read_pixels
from grounding.views.view_mark import read_views
from grounding.views.view_pictures import cut_view
from prepare.progress import progress_bar

WORKERS = min(8, os.cpu_count() or 1)


class ShownViews(NamedTuple):
    """A question that shows views: its line, its image, and the regions of its further images."""

    line: int
    image: str
    views: tuple[str, ...]
    regions: tuple[GridBox, ...]


def shown_views(line: int, row: Any) -> ShownViews | None:
    """Return the views of a row of the JSONL; None without any, or with a mark that makes no sense."""
    try:
        views = read_views(row)
    except ValueError:
        return None
    images = row.get("images") if views is not None else None
    if views is None or not isinstance(images, list) or len(images) != 1 + len(views.regions):
        return None
    return ShownViews(line, str(images[0]), tuple(map(str, images[1:])), views.regions)


def find_other_views(
    folder: Path, asked: Sequence[ShownViews], most_pixels: int | None
) -> Iterator[tuple[int, str]]:
    """Yield line and name of each view that has other pixels than its region of the image.

    `most_pixels` is view_pixels of the data set's card. What is missing or unreadable is not looked at: the
    check of the images says so.
    """
    if not asked:
        return
    left = iter(asked)
    with ThreadPoolExecutor(WORKERS) as pool, progress_bar(len(asked), "looking at views") as progress:
        while some := list(islice(left, 4 * WORKERS)):
            judged = pool.map(lambda item: _others(folder, item, most_pixels), some)
            for item, names in zip(some, judged, strict=True):
                progress.update()
                yield from ((item.line, name) for name in names)


def _others(folder: Path, item: ShownViews, most_pixels: int | None) -> list[str]:
    picture = _pixels(folder, item.image)
    found = []
    for name, region in zip(item.views, item.regions, strict=True):
        shown = None if picture is None else _pixels(folder, name)
        if picture is None or shown is None:
            continue
        meant = cut_view(picture, region, most_pixels)
        if meant.size != shown.size or meant.tobytes() != shown.tobytes():
            found.append(name)
    return found


def _pixels(folder: Path, name: str) -> Image.Image | None:
    path = folder / name
    if not (lies_inside(path, folder) and is_regular(path)):
        return None
    try:
        return read_pixels(path)
    except UNREADABLE:
        return None
