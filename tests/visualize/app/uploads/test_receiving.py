import asyncio
import time

import pytest
from starlette.applications import Starlette

from visualize.app.access.open_paths import UPLOAD_PATH
from visualize.app.uploads.receiving import file_routes
from visualize.app.uploads.stored_files import StorageLimits, StoredFiles

LIMITS = StorageLimits(upload=1000, receiving=100_000, visitor=100_000, stored=100_000)
TYPE = b'multipart/form-data; boundary="x"'


def form(*names, size=10):
    parts = [
        b'--x\r\nContent-Disposition: form-data; name="%s"; filename="a.png"\r\n\r\n%s\r\n'
        % (name.encode(), b"a" * size)
        for name in names
    ]
    return b"".join([*parts, b"--x--\r\n"])


def post(tmp_path, messages):
    """Send the messages of a body to the route, and return the status and how many of them were read.

    Whoever waits for another message after the last one hangs, and fails.
    """
    app = Starlette(routes=file_routes(StoredFiles(tmp_path, LIMITS, time.monotonic), upload_seconds=60))
    scope = {
        "type": "http", "method": "POST", "path": UPLOAD_PATH, "query_string": b"", "root_path": "",
        "headers": [(b"content-type", TYPE)], "client": ("127.0.0.1", 1), "app": app,
    }  # fmt: skip
    sent, left = [], list(messages)

    async def receive():
        if not left:
            raise AssertionError("nothing follows the last message of a body")
        return left.pop(0)

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], len(messages) - len(left)


def chunks(body, size, *, ended=True):
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    more = [True] * (len(pieces) - ended) + [False] * ended
    return [
        {"type": "http.request", "body": piece, "more_body": follows}
        for piece, follows in zip(pieces, more, strict=True)
    ]


@pytest.mark.parametrize("size", [50, 10_000])
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (form("files", "files"), 400),
        (form("other"), 400),
        (b"no form", 400),
        (form("files", size=2000), 413),
        (form("files", size=9000), 413),
    ],
)
def test_a_refused_upload_is_read_to_its_end_and_no_further(tmp_path, body, status, size):
    messages = chunks(body, size)
    assert post(tmp_path, messages) == (status, len(messages))


def test_an_upload_that_is_taken_is_read_to_its_end(tmp_path):
    messages = chunks(form("files"), 50)
    assert post(tmp_path, messages) == (200, len(messages))


def test_a_visitor_who_leaves_is_not_waited_for(tmp_path):
    messages = [*chunks(form("files", size=9000), 50, ended=False)[:3], {"type": "http.disconnect"}]
    assert post(tmp_path, messages) == (400, len(messages))
