"""A checkpoint behind OpenAI's chat completions, for the clients of such servers.

Source of the format: the API reference of OpenAI, "Create chat completion".
"""

import logging
import queue
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi import Request as HttpRequest
from fastapi.responses import Response, StreamingResponse
from pydantic import ValidationError
from pydantic_core import to_json
from starlette.types import Receive, Scope, Send

from grounding.errors import UserError
from infer.engines.protocol import RawAnswer, Request
from infer.engines.settings import MEGABYTE
from infer.serve.access import Access, RefusedError, check_json
from infer.serve.batching import Batcher
from infer.serve.chat_request import ChatRequest, first_problem
from infer.serve.image_check import check_images
from infer.serve.replies.answer_fields import AnswerFields
from infer.serve.replies.base_application import base_application
from infer.serve.replies.choices import completion_body, cut_answer
from infer.serve.replies.event_stream import MEDIA_TYPE, AnswerEvents, error_event
from infer.serve.replies.live_reply import HeardRequest, LiveReply
from infer.serve.request_body import InFlight, Reservation, parse_object, read_body
from infer.serve.serve_settings import ServeSettings

log = logging.getLogger(__name__)


def make_server(
    batcher: Batcher[HeardRequest, RawAnswer], model: str, access: Access, settings: ServeSettings
) -> FastAPI:
    """Return the application: POST /v1/chat/completions, GET /v1/models and GET /health."""
    app = base_application("visual grounding", access)
    in_flight = app.state.in_flight = InFlight(settings.max_inflight_megabytes * MEGABYTE)

    @app.get("/v1/models")
    async def models(request: HttpRequest) -> dict[str, Any]:
        access.check_key(request.headers)
        return {"object": "list", "data": [{"id": model, "object": "model", "owned_by": "local"}]}

    @app.post("/v1/chat/completions")
    async def complete(request: HttpRequest) -> Response:
        access.check_key(request.headers)
        check_json(request.headers)
        with ExitStack() as held:  # the request's bytes and its images, until it is answered
            share = held.enter_context(in_flight.reserve())
            folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="images_")))
            chat = await _read_chat(request, model, settings, share)
            wanted = _write_request(chat, folder, settings)
            fields = chat.answer_fields
            del chat  # the images are in their files, and need not wait in memory
            # Probabilities come later than texts, and repeats are cut from the text that is there already.
            is_live = fields.stream and not fields.logprobs and not settings.repeat_stop
            reply = _submit(batcher, wanted, is_live=is_live)
            held.callback(reply.close)
            await _begun(reply, wanted, request if fields.stream else None)
            if fields.stream:
                return HeldStream(_events(model, reply, fields), held.pop_all())
            answer = cut_answer(reply.whole(), fields)
        return Response(to_json(completion_body(model, answer, fields)), media_type="application/json")

    return app


class HeldStream(StreamingResponse):
    """A stream of events that holds what its answer needs until it ends, however it ends."""

    def __init__(self, events: AsyncIterator[bytes], held: ExitStack) -> None:
        """Take over what is held."""
        super().__init__(events, media_type=MEDIA_TYPE)
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events; where the client has gone, the answer is left."""
        with self._held:
            await super().__call__(scope, receive, send)


async def _events(model: str, reply: LiveReply, fields: AnswerFields) -> AsyncIterator[bytes]:
    """Yield the events of an answer that has begun; what fails in the middle of it is the last event."""
    events = AnswerEvents(model, fields)
    for event in events.start():
        yield event
    async for piece in reply.pieces():
        for event in events.piece(piece):
            yield event
    try:
        answer = reply.whole()
    except Exception:
        log.exception("the answer failed after it began")
        yield error_event("the server failed in the middle of the answer")
        return
    for event in events.rest(cut_answer(answer, fields)):
        yield event


async def _read_chat(
    request: HttpRequest, model: str, settings: ServeSettings, share: Reservation
) -> ChatRequest:
    """Return the checked body of a request."""
    declared, limit = request.headers.get("content-length"), settings.max_megabytes * MEGABYTE
    body = parse_object(await read_body(request.stream(), declared, limit, settings.body_seconds, share))
    if body.get("model") != model:
        raise RefusedError(404, f"model {body.get('model')!r} is not served here, {model!r} is")
    try:
        return ChatRequest.model_validate(body)
    except ValidationError as error:
        raise RefusedError(400, first_problem(error)) from error


def _write_request(chat: ChatRequest, folder: Path, settings: ServeSettings) -> Request:
    """Check the images, write them into the folder, and return the request to the engine."""
    images = chat.images
    check_images(images, settings.max_images, settings.max_megapixels)
    files = tuple(folder / f"image_{number}" for number in range(1, len(images) + 1))
    for file, content in zip(files, images, strict=True):
        file.write_bytes(content)
    return Request(
        files,
        chat.system,
        chat.user,
        alternatives=chat.top_logprobs,
        max_tokens=chat.max_answer_tokens,
        history=chat.history,
    )


def _submit(batcher: Batcher[HeardRequest, RawAnswer], wanted: Request, *, is_live: bool) -> LiveReply:
    try:
        return LiveReply(batcher, wanted, is_live=is_live)
    except queue.Full as error:
        raise RefusedError(503, "too many requests wait already (queue_size)") from error
    except UserError as error:
        raise _refusal(error, wanted) from error


async def _begun(reply: LiveReply, wanted: Request, reader: HttpRequest | None) -> None:
    """Wait until an answer begins; where its reader goes before that, it is left."""
    try:
        has_reader = await reply.begun(None if reader is None else _left(reader))
    except UserError as error:
        raise _refusal(error, wanted) from error
    if not has_reader:
        raise RefusedError(400, "the request was given up")


async def _left(reader: HttpRequest) -> None:
    """Wait until a client whose request is read has gone."""
    while (await reader.receive())["type"] != "http.disconnect":
        pass


def _refusal(error: UserError, wanted: Request) -> RefusedError:
    said = str(error)
    for number, image in reversed(list(enumerate(wanted.images, 1))):  # image_10 begins with image_1
        said = said.replace(str(image), "the image" if len(wanted.images) == 1 else f"image {number}")
    return RefusedError(400, said)
