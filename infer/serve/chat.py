"""A checkpoint behind OpenAI's chat completions, for the clients of such servers.

Source of the format: the API reference of OpenAI, "Create chat completion".
"""

import asyncio
import queue
import tempfile
from pathlib import Path
from typing import IO, Any

from fastapi import FastAPI
from fastapi import Request as HttpRequest
from fastapi.responses import Response, StreamingResponse
from pydantic import ValidationError
from pydantic_core import to_json

from grounding.errors import UserError
from infer.engines.protocol import RawAnswer, Request
from infer.engines.settings import MEGABYTE
from infer.serve.access import Access, RefusedError, check_json
from infer.serve.batching import Batcher
from infer.serve.chat_request import ChatRequest, first_problem
from infer.serve.image_check import check_image_header
from infer.serve.replies.answer_fields import AnswerFields
from infer.serve.replies.base_application import base_application
from infer.serve.replies.choices import completion_body, cut_answer
from infer.serve.replies.event_stream import MEDIA_TYPE, answer_events
from infer.serve.request_body import InFlight, Reservation, parse_object, read_body
from infer.serve.serve_settings import ServeSettings


def make_server(
    batcher: Batcher[Request, RawAnswer], model: str, access: Access, settings: ServeSettings
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
        with in_flight.reserve() as share:
            chat = await _read_chat(request, model, settings, share)
            with tempfile.NamedTemporaryFile(prefix="image_") as file:
                wanted = _write_request(chat, file, settings.max_megapixels)
                fields = chat.answer_fields
                del chat  # the image is in its file, and need not wait in memory
                answer = await _answer(batcher, wanted)
        return _reply(model, cut_answer(answer, fields), fields)

    return app


def _reply(model: str, answer: RawAnswer, fields: AnswerFields) -> Response:
    if fields.stream:
        return StreamingResponse(answer_events(model, answer, fields), media_type=MEDIA_TYPE)
    return Response(to_json(completion_body(model, answer, fields)), media_type="application/json")


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


def _write_request(chat: ChatRequest, file: IO[bytes], max_megapixels: int) -> Request:
    """Check the image, write it into the file, and return the request to the engine."""
    check_image_header(chat.image, max_megapixels)
    file.write(chat.image)
    file.flush()
    return Request(
        Path(file.name),
        chat.system,
        chat.user,
        alternatives=chat.top_logprobs,
        max_tokens=chat.max_answer_tokens,
        history=chat.history,
    )


async def _answer(batcher: Batcher[Request, RawAnswer], wanted: Request) -> RawAnswer:
    try:
        return await asyncio.wrap_future(batcher.submit(wanted))
    except queue.Full as error:
        raise RefusedError(503, "too many requests wait already (queue_size)") from error
    except UserError as error:
        raise RefusedError(400, str(error).replace(str(wanted.image), "the image")) from error
