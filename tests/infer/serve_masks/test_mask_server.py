"""What clients and strangers send to the worker."""

import io
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from grounding.boxes import Box, Size
from infer.engines.segment.mask_messages import UNKNOWN_PICTURE, read_masks
from infer.engines.segment.mask_request import digest_of
from infer.engines.segment.segmenter import hull_box
from tests.attacks.test_hostile_requests import png_of
from tests.infer.serve_masks.running_worker import (
    PATIENCE,
    Counting,
    RunningWorker,
    mask_body,
    picture_bytes,
    running_worker,
)

KEY = "not-to-be-guessed"


@pytest.fixture(scope="module")
def worker() -> Iterator[RunningWorker]:
    with running_worker(max_megabytes=1, max_megapixels=1, max_clicks=3) as worker:
        yield worker


def error_of(response: httpx.Response, status: int) -> str:
    assert response.status_code == status, response.text
    return str(response.json()["error"]["message"])


def test_a_box_gets_its_mask(worker: RunningWorker) -> None:
    response = worker.post(mask_body(clicks=[[3, 4, True]]))
    assert response.status_code == 200
    (found,) = read_masks(response.json(), Size(20, 10))
    assert hull_box(found.mask) == Box(1, 2, 6, 8)
    assert found.score is None
    assert worker.server.in_flight.used == 0


def test_a_known_picture_is_named_by_its_pixels(worker: RunningWorker) -> None:
    digest = digest_of(Image.new("RGB", (20, 11), (7, 0, 0)))
    ask = {"picture": {"digest": digest}, "box": [0, 0, 3, 3]}
    unknown = worker.post(ask)
    assert "send the picture" in error_of(unknown, 404)
    assert unknown.json()["error"]["code"] == UNKNOWN_PICTURE
    assert worker.post(mask_body(picture_bytes((20, 11)))).status_code == 200
    (found,) = read_masks(worker.post(ask).json(), Size(20, 11))
    assert hull_box(found.mask) == Box(0, 0, 3, 3)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"box": None}, "no object is named"),
        ({"box": None, "clicks": [[1, 1, False]]}, "no object is named"),
        ({"clicks": [[20, 1, True]]}, "outside of the picture of 20x10 pixels"),
        ({"box": [30, 0, 40, 5]}, "no area inside"),
        ({"clicks": [[1, 1, True]] * 4}, "at most 3 (max_clicks)"),
        ({"clicks": [[1, 1, "yes"]]}, "clicks.0.2"),
        ({"clicks": [[1, 1]]}, "clicks.0"),
        ({"clicks": "all"}, "clicks"),
        ({"box": [0, 0, 1]}, "box"),
        ({"box": [0, 0, 1, float("inf")]}, "box.3"),
        ({"size": 3}, "size"),
        ({"picture": {}}, "expected either png or digest"),
        ({"picture": {"png": "YWE=", "digest": "0" * 64}}, "expected either png or digest"),
        ({"picture": {"digest": "../secret"}}, "picture.digest"),
        ({"picture": {"png": "%%%"}}, "not base64"),
        ({"picture": {"png": "aGFsbG8="}}, "not usable as an image"),
        ({"picture": "photo.png"}, "picture"),
    ],
)
def test_a_wrong_field_is_named(worker: RunningWorker, fields: dict[str, Any], message: str) -> None:
    assert message in error_of(worker.post(mask_body() | fields), 400)


@pytest.mark.parametrize(
    ("body", "status"), [(b"[]", 400), (b"{", 400), (b"{}", 400), (b'{"picture": "\xff"}', 400)]
)
def test_a_body_that_is_no_request_is_refused(worker: RunningWorker, body: bytes, status: int) -> None:
    error_of(worker.post(body), status)


def test_large_pictures_and_bodies_are_refused_unread(worker: RunningWorker) -> None:
    assert "max_megapixels" in error_of(worker.post(mask_body(png_of(1001, 1000))), 413)
    assert "max_megabytes" in error_of(worker.post(b" " * (1 << 20) + b" "), 413)


def test_a_damaged_picture_is_refused(worker: RunningWorker) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    assert "damaged" in error_of(worker.post(mask_body(file.getvalue()[:1000])), 400)
    assert "damaged" in error_of(worker.post(mask_body(png_of(30, 30))), 400)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content_Type": "text/plain"}, 415),
        ({"Origin": "http://evil.example"}, 403),
        ({"Host": "evil.example"}, 403),
    ],
)
def test_pages_of_strangers_are_refused(worker: RunningWorker, headers: dict[str, str], status: int) -> None:
    error_of(worker.post(mask_body(), **headers), status)


def test_other_paths_do_not_exist(worker: RunningWorker) -> None:
    assert httpx.get(f"{worker.url}/health").json() == {"status": "ok"}
    assert httpx.get(f"{worker.url}/docs").status_code == 404
    assert httpx.get(f"{worker.url}/openapi.json").status_code == 404


def test_a_key_is_needed_where_one_is_set() -> None:
    with running_worker(api_key=KEY) as worker:
        assert "API key" in error_of(worker.post(mask_body()), 401)
        assert "API key" in error_of(worker.post(mask_body(), Authorization="Bearer wrong"), 401)
        assert worker.post(mask_body(), Authorization=f"Bearer {KEY}").status_code == 200


def test_a_picture_that_unpacks_to_much_counts_with_its_pixels() -> None:
    small = picture_bytes((1000, 1000))
    assert len(small) < 10_000
    with running_worker(max_megabytes=1, max_megapixels=1, max_inflight_megabytes=7) as worker:
        assert worker.post(mask_body(small)).status_code == 200
        worker.server.in_flight.used += 2 << 20
        assert "max_inflight_megabytes" in error_of(worker.post(mask_body(small)), 429)
        known = {"picture": {"digest": digest_of(Image.new("RGB", (1000, 1000), (7, 0, 0)))}}
        assert "max_inflight_megabytes" in error_of(worker.post(mask_body() | known), 429)
        worker.server.in_flight.used -= 2 << 20
        assert worker.post(mask_body() | known).status_code == 200


def test_no_room_for_pictures_keeps_none() -> None:
    with running_worker(picture_cache_megabytes=0) as worker:
        assert worker.post(mask_body()).status_code == 200
        known = {"picture": {"digest": digest_of(Image.new("RGB", (20, 10), (7, 0, 0)))}}
        error_of(worker.post(mask_body() | known), 404)


def test_what_waits_is_answered_together_and_more_is_refused() -> None:
    backend = Counting()
    with running_worker(backend, batch_size=8, queue_size=2) as worker, ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(worker.post, mask_body())]
        wait_until(backend.asked.is_set)
        asked += [pool.submit(worker.post, mask_body()) for _ in range(2)]
        wait_until(worker.server.batcher.is_full)
        assert "queue_size" in error_of(worker.post(mask_body()), 503)
        backend.go.set()
        statuses = [each.result(PATIENCE).status_code for each in asked]
    assert statuses == [200] * 3
    assert [len(batch) for batch in backend.batches] == [1, 2]


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)
