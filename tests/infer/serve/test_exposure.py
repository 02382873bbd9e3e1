"""What the server says about itself when it starts."""

from pathlib import Path

import pytest

from infer.serve.access import Access
from infer.serve.serve_settings import ServeSettings
from infer.serve.server import describe


@pytest.mark.parametrize(
    ("host", "api_key", "url", "to_whom"),
    [
        ("::1", None, "http://[::1]:8008/v1", "programs on this machine, without a key"),
        ("127.0.0.1", "k" * 8, "http://127.0.0.1:8008/v1", "programs on this machine, with the key of SERVE"),
        (
            "0.0.0.0",
            "k" * 8,
            "http://0.0.0.0:8008/v1",
            "every machine that can reach this address, with the key",
        ),
    ],
)
def test_it_says_what_it_answers_to_whom(host: str, api_key: str | None, url: str, to_whom: str) -> None:
    settings = ServeSettings(host=host)
    lines = list(describe(Path("model"), "name", settings, Access(api_key=api_key), 4096))
    assert lines[0] == f"serving model as model 'name': {url}"
    assert to_whom in lines[1]
    assert lines[2].startswith("limits: prompts of 4096 tokens, images of 100 megapixels, requests of 32 MB")
    assert "kkk" not in " ".join(lines)
