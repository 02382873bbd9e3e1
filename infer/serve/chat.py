"""A checkpoint behind OpenAI's chat completions, for the clients of such servers.

Source of the format: the API reference of OpenAI, "Create chat completion".
"""

import asyncio
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
from pydantic import ValidationError

from grounding.errors import UserError
from infer.engines.protocol import RawAnswer, Request
from infer.serve.batching import Batcher
from infer.serve.chat_request import ChatRequest, first_problem

MEGABYTE = 1 << 20


def make_server(batcher: Batcher, model: str, api_key: str | None, max_megabytes: int) -> FastAPI:
    """Return the application: POST /v1/chat/completions, GET /v1/models and GET /health."""
    app = FastAPI(title="visual grounding", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_exception_handler(HTTPException, _refuse)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/v1/models")
    async def models(request: HttpRequest) -> dict[str, Any]:
        _check_key(request, api_key)
        return {"object": "list", "data": [{"id": model, "object": "model", "owned_by": "local"}]}

    @app.post("/v1/chat/completions")
    async def complete(request: HttpRequest) -> dict[str, Any]:
        _check_key(request, api_key)
        chat = _parse(await _read_body(request, max_megabytes * MEGABYTE), model)
        answer = await _answer(batcher, chat)
        return _completion(model, answer, with_logprobs=bool(chat.logprobs))

    return app


async def _refuse(_: HttpRequest, error: Exception) -> JSONResponse:
    """Return an error as OpenAI's servers do."""
    assert isinstance(error, HTTPException)
    content = {"error": {"message": error.detail, "type": "invalid_request_error", "code": None}}
    return JSONResponse(content, error.status_code, error.headers)


def _check_key(request: HttpRequest, api_key: str | None) -> None:
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if api_key is not None and not secrets.compare_digest(given.encode(), api_key.encode()):
        raise HTTPException(401, "the API key is missing or wrong")


async def _read_body(request: HttpRequest, limit: int) -> dict[str, Any]:
    """Return the JSON object in a request of at most `limit` bytes."""
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


def _parse(body: dict[str, Any], model: str) -> ChatRequest:
    if body.get("model") != model:
        raise HTTPException(404, f"model {body.get('model')!r} is not served here, {model!r} is")
    try:
        return ChatRequest.model_validate(body)
    except ValidationError as error:
        raise HTTPException(400, first_problem(error)) from error


async def _answer(batcher: Batcher, chat: ChatRequest) -> RawAnswer:
    """Return the engine's answer, no longer than the client wants; the image is a file until then."""
    with tempfile.NamedTemporaryFile(prefix="image_") as file:
        file.write(chat.user.image)
        file.flush()
        try:
            waiting = batcher.submit(Request(Path(file.name), chat.system, chat.user.text))
            answer = await asyncio.wrap_future(waiting)
        except queue.Full as error:
            raise HTTPException(503, "too many requests wait already", {"Retry-After": "1"}) from error
        except UserError as error:
            raise HTTPException(400, str(error).replace(file.name, "the image")) from error
    limit = chat.max_answer_tokens
    if limit is None or limit >= len(answer.tokens):
        return answer
    kept = answer.tokens[:limit]
    return RawAnswer("".join(token.text for token in kept), is_cut=True, tokens=kept)


def _completion(model: str, answer: RawAnswer, *, with_logprobs: bool) -> dict[str, Any]:
    """Return the response's body with its one choice."""
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
