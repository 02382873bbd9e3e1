"""`make app` with the demo's model: in Chromium, and for ten clients at once."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from grounding.boxes import Box, iou
from tests.end_to_end.conftest import Demo
from tests.visualize.chromium import CHROMIUM, DRIVER, MISSING, start

PATIENCE = 180
CLIENTS = 10
PICTURES = 5


@contextmanager
def app(folder: Path) -> Iterator[str]:
    """Start `make app`, yield its address, and stop it as Ctrl-C does."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    words = ["make", "app", "CHECKPOINT=checkpoints/demo/full", f"ARGS=device=cpu port={port}"]
    process = subprocess.Popen(
        words, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        until = time.monotonic() + PATIENCE
        assert process.stdout is not None
        while (line := process.stdout.readline()) and url not in line:
            assert time.monotonic() < until
        assert url in line, "the app did not start"
        yield url
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=60)


def truth_of(dataset: Path) -> dict[str, list[tuple[str, Box]]]:
    """Return label and box of each object, by the image's path, in the data set's order."""
    content: Any = json.loads((dataset / "annotations_val.json").read_text(encoding="utf-8"))
    names = {item["id"]: item["name"] for item in content["categories"]}
    files = {item["id"]: item["file_name"] for item in content["images"]}
    found: dict[str, list[tuple[str, Box]]] = {name: [] for name in files.values()}
    for item in content["annotations"]:
        found[files[item["image_id"]]].append((names[item["category_id"]], Box.from_xywh(*item["bbox"])))
    return found


def check_app(folder: Path, profile: Path) -> None:
    from gradio_client import Client, handle_file

    from tests.visualize.app.app_browser import (
        boxes,
        errors,
        every,
        one,
        open_page,
        press,
        requested,
        upload,
        wait,
    )

    dataset = folder / "data" / "demo"
    chosen = list(truth_of(dataset).items())[:PICTURES]
    right, objects = 0, 0
    with app(folder) as url:
        browser = start(profile)
        try:
            browser.get("about:blank")
            browser.get_log("performance")
            for name, truth in chosen:
                path = next(path for path in (dataset / name, dataset / "images" / name) if path.is_file())
                open_page(browser, url)
                upload(browser, path)
                assert "object" in press(browser, "#ask-everything")
                seen = [(label, Box(*corners)) for label, corners in boxes(browser)]
                objects += len(truth)
                right += sum(
                    any(label == other and iou(box, found) >= 0.8 for other, found in seen)
                    for label, box in truth
                )
            one(browser, "#verify").click()
            wait(browser, lambda _: every(browser, "#verified .summary"))
            assert "IoU" in one(browser, "#verified").text
            assert errors(browser) == []
            assert [address for address in requested(browser) if not address.startswith(url)] == []
        finally:
            browser.quit()
        # The model finds 97 to 98 % of the objects.
        assert right >= 0.8 * objects > 0

        def ask(number: int) -> Any:
            client = Client(url, verbose=False)
            return client.predict(handle_file(str(path)), api_name="/everything")

        with ThreadPoolExecutor(CLIENTS) as threads:
            answers = list(threads.map(ask, range(CLIENTS)))
        assert all("object" in answer[1] for answer in answers)
        assert len({answer[2] for answer in answers}) == 1


@pytest.mark.slow
@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=MISSING)
def test_a_visitor_sees_the_shapes_found(demo: Demo, tmp_path: Path) -> None:
    check_app(demo.folder, tmp_path)
