"""Records as one HTML page that opens from disk: images inside, boxes as SVG, texts with their tokens."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from grounding.errors import UserError
from grounding.files import read_jsonl
from prepare.show.shown_record import ShownRecord, show_record

TEMPLATE = Path(__file__).parent / "assets" / "show.html"


@dataclass(frozen=True)
class ShownSplit:
    """A split of the data set: the number of its records, and those that the page shows."""

    name: str
    total: int
    records: tuple[ShownRecord, ...]


def render_page(files: dict[str, Path], limit: int, min_pixels: int, max_pixels: int) -> str:
    """Return the page: up to `limit` records of each split, spread evenly over its file.

    Raises:
        UserError: a line that is not a record, or an image that cannot be read.
    """
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(
        loader=FileSystemLoader(TEMPLATE.parent),
        autoescape=True,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(TEMPLATE.name).render(
        folder=next(iter(files.values())).resolve().parent.name,
        min_pixels=min_pixels,
        max_pixels=max_pixels,
        splits=[_show_split(split, path, limit, min_pixels, max_pixels) for split, path in files.items()],
    )


def _show_split(name: str, path: Path, limit: int, min_pixels: int, max_pixels: int) -> ShownSplit:
    total = sum(1 for _ in read_jsonl(path))
    shown = []
    for line, row in _pick(path, total, limit):
        try:
            shown.append(show_record(path.parent, line, row, min_pixels, max_pixels))
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            raise UserError(f"{path}, line {line}: {error}: run python -m prepare.check") from error
    return ShownSplit(name, total, tuple(shown))


def _pick(path: Path, total: int, limit: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield up to `limit` lines, spread evenly."""
    count = min(limit, total)
    wanted = {number * total // count for number in range(count)}
    for position, (line, row) in enumerate(read_jsonl(path)):
        if position in wanted:
            yield line, row
