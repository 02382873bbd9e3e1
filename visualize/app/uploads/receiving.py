"""The web routes for files: uploads are received within limits, and only listed files are sent.

They come before Gradio's own routes of the same paths. Gradio stores without a limit in total, fetches files
from other servers, and sends every file of its folder.
"""

import logging
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive

from visualize.app.access.network_address import visitor_of
from visualize.app.access.open_paths import FILE_PATH, UPLOAD_PATH
from visualize.app.access.upload_progress import forget_later
from visualize.app.uploads.stored_files import FORM_BYTES, StoredFiles, UploadRefusedError

log = logging.getLogger(__name__)

DRAINED_BYTES, DRAIN_SECONDS = 100_000_000, 10.0
"""What is read of a refused upload, and thrown away, before it is answered."""

LONGEST_ID = 64
"""Characters of the name under which a browser follows the progress of its upload; Gradio's has about 11."""

SHOWN_TYPES = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp",
    ".gif": "image/gif", ".bmp": "image/bmp",
}  # fmt: skip
"""Media types that a browser may show; it saves every other file instead of running what is inside."""


def file_routes(files: StoredFiles, upload_seconds: float) -> list[Route]:
    """Return the routes that receive uploads into `files` within so many seconds, and send files of it."""

    async def receive(request: Request) -> Response:
        body = _Body(request.receive)
        try:
            path = await _receive(Request(request.scope, body), files, upload_seconds)
        except UploadRefusedError as error:
            log.info("an upload is refused: %s", error.sentence)
            await _drain(body)
            return PlainTextResponse(error.sentence, error.status, {"Connection": "close"})
        return JSONResponse([str(path)])

    async def send(request: Request) -> Response:
        path = files.fetched(request.path_params["path"])
        if path is None:
            return PlainTextResponse("There is no such file.", 404)
        media = SHOWN_TYPES.get(path.suffix.lower())
        if media is None:
            return FileResponse(path, media_type="application/octet-stream", filename=path.name)
        return FileResponse(path, media_type=media)

    return [
        Route(UPLOAD_PATH, receive, methods=["POST"]),
        Route(FILE_PATH + "{path:path}", send, methods=["GET"]),
    ]


async def _receive(request: Request, files: StoredFiles, seconds: float) -> Path:
    """Return the path of the file in an upload.

    Raises:
        UploadRefusedError: the upload exceeds a limit, is not one file in a form, or does not arrive.
    """
    largest = files.limits.upload
    size = _announced_size(request, largest)
    folder = files.start_upload(visitor_of(request.scope), size)
    path = None
    try:
        with anyio.fail_after(seconds):
            path = await _read_form(request, folder, largest, size)
    except TimeoutError as error:
        raise UploadRefusedError(408, f"The upload took more than {seconds:g} s (upload_seconds).") from error
    except ClientDisconnect as error:
        raise UploadRefusedError(400, "The upload was broken off.") from error
    except MultiPartException as error:
        status = 413 if "maximum allowed size" in error.message else 400
        raise UploadRefusedError(status, error.message) from error
    except (
        TypeError,
        ValueError,
        AttributeError,
        KeyError,
    ) as error:  # Gradio's, for fields that are no files
        raise UploadRefusedError(
            400, "The upload is not a form with one file in the field `files`."
        ) from error
    finally:
        files.end_upload(folder, path)
    return path


def _announced_size(request: Request, largest: int) -> int:
    """Return how many bytes a request says that it has; the largest upload if it does not say."""
    given = request.headers.get("content-length", "")
    size = int(given) if given.isdecimal() and len(given) < 19 else largest + FORM_BYTES
    if size > largest + FORM_BYTES:
        raise UploadRefusedError(413, _too_large(largest))
    return size


async def _read_form(request: Request, folder: Path, largest: int, size: int) -> Path:
    from gradio.route_utils import upload_fn
    from gradio.routes import file_upload_statuses

    name = request.query_params.get("upload_id", "")[:LONGEST_ID]
    bounded = _BoundedRequest(request.scope, request.receive)
    bounded.largest, bounded.size = largest, size
    progress = file_upload_statuses if name else None
    try:
        found, _, _ = await upload_fn(bounded, str(folder), largest, name or None, upload_progress=progress)
    finally:
        if name:
            forget_later(name)
    if len(found) != 1:
        raise ValueError(f"{len(found)} files")
    return Path(found[0])


class _BoundedRequest(Request):
    """A request whose body ends with an error where it exceeds the bytes that were reserved for it."""

    largest = size = 0

    async def stream(self) -> AsyncGenerator[bytes, None]:
        received = 0
        async for chunk in super().stream():
            received += len(chunk)
            if received > self.size:
                raise UploadRefusedError(413, _too_large(self.largest))
            yield chunk


class _Body:
    """The messages of a request body; it knows whether more follow, as nothing ends the wait for another."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.has_more = True

    async def __call__(self) -> Message:
        message = await self._receive()
        self.has_more = message["type"] == "http.request" and message.get("more_body", False)
        return message


async def _drain(body: _Body) -> None:
    """Read what is left of a refused upload, within limits: many clients listen only after sending it."""
    left = DRAINED_BYTES
    with anyio.move_on_after(DRAIN_SECONDS):
        while body.has_more and left > 0:
            left -= len((await body()).get("body", b""))


def _too_large(largest: int) -> str:
    return f"File size exceeded maximum allowed size of {largest} bytes (max_megabytes=)."
