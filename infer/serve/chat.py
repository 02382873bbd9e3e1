"""A checkpoint behind OpenAI's chat completions, as every client of such servers asks for them.

Source of the format: the API reference of OpenAI, "Create chat completion". Answered are one system message
and one user message with one image, inline as a data URL: what the model was trained on.
"""

import asyncio
import base64
import binascii
import json
import queue
import secrets
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse

from grounding.errors import UserError
from grounding.markup import IMAGE_PLACEHOLDER
from infer.engines.protocol import RawAnswer, Request
from infer.serve.batching import Batcher

MEGABYTE = 1 << 20


def make_server(batcher: Batcher, model: str, api_key: str | None, max_megabytes: int) -> FastAPI:
    """Return the application: POST /v1/chat/completions, GET /v1/models and GET /health."""
    # Images of requests live in files only for as long as the question is open.
    app = FastAPI(title="visual grounding", docs_url=None, redoc_url=None, openapi_url=None)

    @app.exception_handler(HTTPException)
    async def refuse(_: HttpRequest, error: HTTPException) -> JSONResponse:
        content = {"error": {"message": error.detail, "type": "invalid_request_error", "code": None}}
        return JSONResponse(content, error.status_code, error.headers)

    def check_key(request: HttpRequest) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if api_key is not None and not secrets.compare_digest(given.encode(), api_key.encode()):
            raise HTTPException(401, "the API key is missing or wrong")

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/v1/models")
    async def models(request: HttpRequest) -> dict[str, Any]:
        check_key(request)
        return {"object": "list", "data": [{"id": model, "object": "model", "owned_by": "local"}]}

    @app.post("/v1/chat/completions")
    async def complete(request: HttpRequest) -> dict[str, Any]:
        check_key(request)
        body = await _read_body(request, max_megabytes * MEGABYTE)
        if body.get("model") != model:
            raise HTTPException(404, f"model '{body.get('model')}' is not served here, '{model}' is")
        if body.get("stream"):
            raise HTTPException(400, "stream: answers come in one piece")
        limit = body.get("max_completion_tokens", body.get("max_tokens"))
        if not (limit is None or (isinstance(limit, int) and limit > 0)):
            raise HTTPException(400, f"max_tokens: {limit!r} is not a number from 1")
        if body.get("temperature"):
            raise HTTPException(400, "temperature: this server decodes greedily: set it to 0 or leave it out")
        system, user, image = _read_messages(body.get("messages"))
        with tempfile.NamedTemporaryFile(prefix="image_") as file:
            file.write(image)
            file.flush()
            try:
                waiting = batcher.submit(Request(Path(file.name), system, user))
                answer = await asyncio.wrap_future(waiting)
            except queue.Full as error:
                raise HTTPException(503, "too many requests wait already", {"Retry-After": "1"}) from error
            except UserError as error:
                raise HTTPException(400, str(error).replace(file.name, "the image")) from error
        if limit is not None and limit < len(answer.tokens):
            kept = answer.tokens[:limit]
            answer = RawAnswer("".join(token.text for token in kept), is_cut=True, tokens=kept)
        return _completion(model, answer, with_logprobs=bool(body.get("logprobs")))

    return app


async def _read_body(request: HttpRequest, limit: int) -> dict[str, Any]:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise HTTPException(413, f"the request is larger than {limit // MEGABYTE} MB")
        chunks.append(chunk)
    try:
        body = json.loads(b"".join(chunks))
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise HTTPException(400, "the body is not a JSON object")
    return body


def _read_messages(messages: Any) -> tuple[str, str, bytes]:
    """Return the system message, the user message with the placeholder of its image, and the image."""
    try:
        turns = [(turn["role"], turn["content"]) for turn in messages]
        system = turns.pop(0)[1] if turns[0][0] == "system" else ""
        ((role, content),) = turns
        if not isinstance(system, str):
            (system,) = (part["text"] for part in system)
        parts = [(part["type"], part) for part in content]
        urls = [part["image_url"]["url"] for kind, part in parts if kind == "image_url"]
        user = "".join(part["text"] if kind == "text" else IMAGE_PLACEHOLDER for kind, part in parts)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise HTTPException(
            400, f"messages: wanted are one optional system message and one user message in parts ({error!r})"
        ) from error
    if role != "user" or len(urls) != 1 or user.count(IMAGE_PLACEHOLDER) != 1:
        raise HTTPException(400, "messages: wanted is one user message with exactly one image_url")
    head, _, data = str(urls[0]).partition(",")
    if not (head.startswith("data:") and head.endswith(";base64")):
        raise HTTPException(400, "image_url: wanted is the image itself, as data:image/...;base64,...")
    try:
        return system, user, base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise HTTPException(400, f"image_url: not base64: {error}") from error


def _completion(model: str, answer: RawAnswer, *, with_logprobs: bool) -> dict[str, Any]:
    tokens: list[dict[str, Any]] = [
        {"token": token.text, "logprob": token.logprob, "bytes": None, "top_logprobs": []}
        for token in answer.tokens
    ]
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": answer.text},
        "finish_reason": "length" if answer.is_cut else "stop",
        "logprobs": {"content": tokens} if with_logprobs else None,
    }
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [choice],
    }
