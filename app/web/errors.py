"""Refusals on plain routes: ``{"code": …, "message": …}`` with the refusal's status."""

import html
import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app import trace
from app.errors import AppError, Invalid, RateLimited
from app.ids import reference

log = logging.getLogger(__name__)

_CODES = {400: "VALIDATION_ERROR", 401: "UNAUTHORIZED", 403: "FORBIDDEN", 404: "NOT_FOUND", 405: "NOT_FOUND"}

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Quarterdeck</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><script src="/static/theme.js"></script>
<link rel="stylesheet" href="/static/quarterdeck.css">
<style>main{{max-width:420px;margin:20vh auto 0;padding:0 24px}}</style>
<main><h1>This did not work</h1><p role="alert">{message}</p><p><a href="/">Open Quarterdeck</a></p></main></html>"""


def as_json(error: AppError) -> JSONResponse:
    """A refusal as the answer of a plain route. A broken value is the caller's mistake there: 400."""
    body: dict[str, object] = {"code": error.code, "message": error.message}
    headers = {}
    if isinstance(error, Invalid):
        body["fields"] = dict(error.fields)
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = 'Bearer realm="/api/v1"'
    if isinstance(error, RateLimited):
        headers |= retry_after(error)
        if error.limit is not None:
            headers |= told(error.limit, 0, error.retry_after)
    return JSONResponse(body, 400 if isinstance(error, Invalid) else error.status, headers)


def retry_after(error: AppError | None) -> dict[str, str]:
    """The header that says when to come back, if there is anything to say."""
    return {"retry-after": str(error.retry_after)} if isinstance(error, RateLimited) else {}


def told(limit: int, left: int, seconds: int) -> dict[str, str]:
    """The headers that say how many requests are allowed, how many are left, and in how many seconds more will be."""
    return {"ratelimit-limit": str(limit), "ratelimit-remaining": str(left), "ratelimit-reset": str(seconds)}


def as_page(error: AppError) -> HTMLResponse:
    """The same for somebody who looks at a plain route with a browser."""
    return HTMLResponse(_PAGE.format(message=html.escape(error.message)), error.status, retry_after(error))


def install(api: FastAPI) -> None:
    """Make every plain route of ``api`` answer in this way. Pages have their own (the frame's)."""

    @api.exception_handler(AppError)
    async def refused(_: Request, error: AppError) -> Response:
        return as_json(error)

    @api.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        return as_json(Invalid(**{_field(problem["loc"]): f"{problem['msg']}." for problem in error.errors()}))

    @api.exception_handler(Exception)
    async def failed(_: Request, error: Exception) -> Response:
        return broken(error)

    @api.exception_handler(HTTPException)
    async def refused_by_the_framework(_: Request, error: HTTPException) -> Response:
        body = {"code": _CODES.get(error.status_code, "INTERNAL_ERROR"), "message": str(error.detail)}
        return JSONResponse(body, error.status_code, error.headers)


def broken(error: Exception) -> JSONResponse:
    """A bug of ours on a plain route: log it, and answer with the reference under which it was logged."""
    found = trace.request_reference() or reference()
    log.error("Unexpected error, reference %s", found, exc_info=error)
    message = f"Something went wrong on our side. Reference {found}"
    return JSONResponse({"code": "INTERNAL_ERROR", "message": message}, 500)


def _field(location: tuple[int | str, ...]) -> str:
    return str(location[-1]) if location else ""
