"""An application that knows who may ask, and answers refused requests as OpenAI's servers do."""

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse

from infer.serve.access import Access, RefusedError

LONGEST_MESSAGE = 500
"""Characters of an error: some repeat words of the request, which may have megabytes."""


def base_application(title: str, access: Access) -> FastAPI:
    """Return an application with GET /health that checks where each request comes from.

    It answers a `RefusedError`, and FastAPI's own errors, as {"error": {"message": ..., "code": ...}}.
    """

    async def check_source(request: Request) -> None:
        access.check_source(request.headers)

    app = FastAPI(
        title=title,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        dependencies=[Depends(check_source)],
    )
    app.add_exception_handler(RefusedError, _refuse)
    app.add_exception_handler(HTTPException, _refuse_as_fastapi)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    return app


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
