"""The files of a page's folder, and how an older page is replaced."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grounding.errors import UserError

INDEX_FILE, DATA_FILE, SCRIPT_FILE, FONTS_FILE = "index.html", "data.js", "page.js", "fonts.css"
ASSETS = Path(__file__).with_name("assets")
"""Files that are copied as they are."""

SCRIPTS = Path(__file__).with_name("scripts")
SCRIPT_ORDER = ("data", "elements", "scores", "filters", "cards", "marks", "labels", "zoom", "start")
"""The parts of page.js. Browsers load no modules from a page on disk, so that the parts become one script."""


@contextmanager
def replacing_page(target: Path) -> Iterator[Path]:
    """Yield a new folder beside `target`, and put it in the place of `target` when the block ends well.

    Raises:
        UserError: `target` holds other files than a page, or cannot be written.
    """
    is_page = all((target / name).is_file() for name in (INDEX_FILE, DATA_FILE))
    if target.exists() and not is_page and not (target.is_dir() and not any(target.iterdir())):
        raise UserError(f"{target}: holds other files than a page: give a new folder as --output DIR")
    beside, before = (target.with_name(f".{target.name}.{state}") for state in ("part", "before"))
    try:
        for leftover in (beside, before):  # of an interrupted run
            shutil.rmtree(leftover, ignore_errors=True)
        beside.mkdir(parents=True)
        yield beside
        if target.exists():
            target.rename(before)
        beside.rename(target)
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror or error}") from error
    finally:
        for leftover in (beside, before):
            shutil.rmtree(leftover, ignore_errors=True)


def write_assets(folder: Path) -> None:
    """Write the files that are the same in every page: index.html, its style and its script."""
    for asset in sorted(ASSETS.iterdir()):
        shutil.copyfile(asset, folder / asset.name)
    parts = [(SCRIPTS / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPT_ORDER]
    (folder / SCRIPT_FILE).write_text("\n".join(parts), encoding="utf-8", newline="\n")
