"""The worker's limits, and what it says about itself when it starts."""

import socket
from typing import Any

import pytest

from grounding.errors import UserError
from grounding.recipe.loading import load_settings
from infer.serve.access import Access
from infer.serve_masks.worker import exposure_lines, serve_masks
from infer.serve_masks.worker_settings import WorkerSettings


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("backend=http://other:8009", "backend: .* is not one of box, grabcut, sam2, paddlex"),
        ("backend=sam2", "need a model's folder"),
        ("checkpoint=folder", "others take none"),
        ("max_clicks=0", "max_clicks: 0 is less than 1"),
        ("queue_size=0", "queue_size: 0 is less than 1"),
        ("max_megapixels=500", "max_megapixels: 500 is more than 178"),
        ("max_inflight_megabytes=100", r"max_inflight_megabytes: 100 is less than the 351"),
        ("idle_seconds=0", "idle_seconds: 0.0 is not a time above 0"),
        ("body_seconds=.inf", "body_seconds: inf is not a time above 0"),
        ("picture_cache_megabytes=-1", "picture_cache_megabytes: -1 is less than 0"),
        ("image_cache_megabytes=-1", "image_cache_megabytes: -1 is less than 0"),
        ("device=cuda:x", "device: 'cuda:x' is not like auto, cpu, cuda or cuda:1"),
        ("dtype=int8", "dtype: 'int8' is not one of"),
    ],
)
def test_a_wrong_value_is_named(word: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_settings(WorkerSettings, [word])


def test_the_backend_gets_its_settings() -> None:
    words = ["backend=sam2", "checkpoint=x", "device=cuda:1", "dtype=float16", "batch_size=2"]
    settings = load_settings(WorkerSettings, [*words, "image_cache_megabytes=5"]).segmenter_settings()
    assert (settings.backend, settings.checkpoint, settings.device) == ("sam2", "x", "cuda:1")
    assert (settings.dtype, settings.batch_size, settings.cache_bytes) == ("float16", 2, 5 << 20)


@pytest.mark.parametrize(
    ("keys", "api_key", "first", "second"),
    [
        ({}, None, "masks by grabcut: http://127.0.0.1:8009", "programs on this machine, without a key"),
        (
            {"host": "0.0.0.0", "backend": "sam2", "checkpoint": "m"},
            "k" * 8,
            "masks by sam2 m: http://0.0.0.0:8009",
            "every machine that can reach this address, with the key of SERVE_API_KEY, without TLS",
        ),
    ],
)
def test_it_says_what_it_answers_to_whom(
    keys: dict[str, Any], api_key: str | None, first: str, second: str
) -> None:
    lines = list(exposure_lines(WorkerSettings(**keys), Access(api_key=api_key)))
    assert lines[0] == first
    assert second in lines[1]
    assert lines[2].startswith("limits: pictures of 50 megapixels, 64 clicks, requests of 64 MB, 1024 MB in")
    assert "kkk" not in " ".join(lines)


def test_an_open_address_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SERVE_API_KEY", raising=False)
    with pytest.raises(UserError, match=r"host=0\.0\.0\.0: other machines can reach that address"):
        serve_masks(WorkerSettings(host="0.0.0.0", port=1))


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port={port}: cannot listen there"):
            serve_masks(WorkerSettings(port=port))
