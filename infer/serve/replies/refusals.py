"""Refused requests as OpenAI's servers answer them: {"error": {"message": ..., "code": ...}}."""

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse

from infer.serve.access import RefusedError

LONGEST_MESSAGE = 500
"""Characters of an error: some repeat words of the request, which may have megabytes."""


def answer_refusals(app: FastAPI) -> None:
    """Let an application answer a `RefusedError`, and FastAPI's own errors, in this form."""
    app.add_exception_handler(RefusedError, _refuse)
    app.add_exception_handler(HTTPException, _refuse_as_fastapi)


async def _refuse(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RefusedError)
    message = str(error)
    if len(message) > LONGEST_MESSAGE:
        message = message[:LONGEST_MESSAGE] + " ..."
    content = {"error": {"message": message, "type": "invalid_request_error", "code": error.code}}
    headers = {"Retry-After": "1"} if error.status in (429, 503) else {}
    return JSONResponse(content, error.status, headers)


async def _refuse_as_fastapi(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return await _refuse(request, RefusedError(error.status_code, str(error.detail)))
