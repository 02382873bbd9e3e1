"""`make pictures`: the pictures of README.md and README.zh.md, made anew from a finished `make demo`.

Needs Debian's chromium and chromium-driver for the pictures of pages.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from grounding.errors import UserError, run_command

ROOT = Path(__file__).resolve().parents[1]
DOCS, DEMO = ROOT / "docs", ROOT / "checkpoints" / "demo"
WINDOW = (1400, 900)
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
)  # fmt: skip


def main() -> None:
    """Make every picture.

    Raises:
        UserError: the demo was not run, or there is no browser.
    """
    if not (DEMO / "scores.json").is_file():
        raise UserError(f"{DEMO / 'scores.json'}: missing: run `make demo` first")
    shutil.copyfile(DEMO / "sheet.png", DOCS / "demo.png")
    with browser() as driver:
        photograph_page(driver, DOCS / "page.png")
        photograph_app(driver, DOCS / "app.png")


def photograph_page(driver: Any, path: Path) -> None:
    """Take a picture of the page of the demo's run, at the images it answered worst."""
    index = DEMO / "page" / "index.html"
    if not index.is_file():
        raise UserError(f"{index}: missing: run `make demo` first")
    driver.get(index.as_uri())
    settle(driver)
    save(driver, path)
