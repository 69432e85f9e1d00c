"""How errors look from outside: JSON for programs, a page or fragment for people, the login page for strangers. Every one carries the request id."""

from __future__ import annotations

import logging
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from central.db.pool import DataError, OperationalError, PoolBusy
from central.web.render import render
from protocol.errors import CampusError, Conflict, Fault, NotFound, NotSignedIn, Refused, StorageError, TooManyTries

log = logging.getLogger(__name__)

_STATUS: tuple[tuple[type[CampusError], int], ...] = (
    (NotSignedIn, 401),
    (Refused, 403),
    (NotFound, 404),
    (Conflict, 409),
    (TooManyTries, 429),
    (StorageError, 503),
)
_HTTP_CODES = {413: "request.too_large", 404: "request.not_found", 405: "request.method", 401: "request.not_signed_in", 403: "request.refused"}


def install_errors(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(CampusError, campus_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(PoolBusy, _busy)
    app.add_exception_handler(OperationalError, _unavailable)
    app.add_exception_handler(DataError, _unstorable)


def status_of(error: CampusError) -> int:
    """The HTTP status an error of the tree becomes."""
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return status
    return 422 if error.fault is Fault.INPUT else 500


def wants_page(request: Request) -> bool:
    """Whether a person's browser asks: not the API, not the live stream, and it accepts HTML or comes from htmx."""
    path = request.url.path
    if path.startswith(("/api/", "/live")):
        return False
    return "hx-request" in request.headers or "text/html" in request.headers.get("accept", "")


def campus_error(request: Request, error: Exception) -> Response:
    """The answer to an error of the tree."""
    assert isinstance(error, CampusError)  # noqa: S101 - registered for this type
    status = status_of(error)
    if isinstance(error, NotSignedIn) and wants_page(request):
        return _to(request, "/wall/enter" if error.details.get("problem") == "kiosk_ended" else "/login", 401)
    if error.details.get("problem") == "second_factor" and wants_page(request):
        return _to(request, "/account/factor", 403)
    if status >= 500:
        log.error("%s %s failed id=%s: %s", request.method, request.url.path, request.state.request_id, error)
    details: dict[str, object] = {key: value for key, value in error.details.items() if isinstance(value, str | int | float | bool | list)}
    answer = _answer(request, status, error.code, error.message, details)
    if isinstance(error, TooManyTries):
        answer.headers["retry-after"] = str(error.details.get("wait_s", 60))
    return answer


def _to(request: Request, page: str, status: int) -> Response:
    """To a page that leads back: to what was asked for, or to the page a form stood on. htmx is told by header, because it follows redirects by
    itself and would swap the login page into a table.
    """
    by_htmx = "hx-request" in request.headers
    here = request.headers.get("hx-current-url", "") if by_htmx else str(request.url)
    path = "/" + here.split("//", 1)[-1].partition("/")[2]
    target = f"{page}?next={quote(path, safe='/')}" if (by_htmx or request.method == "GET") and path != "/" else page
    if by_htmx:
        return Response(status_code=status, headers={"hx-redirect": target})
    return RedirectResponse(target, status_code=303)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type
    code = _HTTP_CODES.get(error.status_code, "request.invalid")
    return _answer(request, error.status_code, code, str(error.detail), {})


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type
    problems = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:20]]
    return _answer(request, 422, "request.invalid", "; ".join(problems), {})


def _busy(request: Request, error: Exception) -> Response:
    log.warning("no database connection free for %s id=%s: %s", request.url.path, request.state.request_id, error)
    answer = _answer(request, 503, "storage.busy", "the server is busy; try again in a moment", {})
    answer.headers["retry-after"] = "5"
    return answer


def _unavailable(request: Request, error: Exception) -> Response:
    """The database went away or took too long in the middle of a request."""
    log.error("%s %s failed in the database id=%s: %s", request.method, request.url.path, request.state.request_id, error)
    answer = _answer(request, 503, "storage.unavailable", "the database does not answer; try again in a moment", {})
    answer.headers["retry-after"] = "5"
    return answer


def _unstorable(request: Request, error: Exception) -> Response:
    """A number beyond 64 bits or a NUL character came as far as the database, whatever field it stood in. Logged whole: it may be a bug."""
    log.warning("%s %s refused by the database id=%s", request.method, request.url.path, request.state.request_id, exc_info=error)
    message = "a value is out of range or holds a character that no text may hold (NUL); correct it and try again"
    return _answer(request, 422, "request.invalid", message, {})


def unexpected(request: Request, error: Exception) -> Response:
    """The answer to a bug: logged with its traceback, shown as a request id."""
    log.error("%s %s failed id=%s", request.method, request.url.path, request.state.request_id, exc_info=error)
    return _answer(request, 500, "program.error", "something in the server broke; the log has the details under this request id", {})


def _answer(request: Request, status: int, code: str, message: str, details: dict[str, object]) -> Response:
    request_id = request.state.request_id
    if wants_page(request):
        context = {"status": status, "code": code, "message": message, "request_id": request_id}
        return render(request, "error.html", context, status=status)
    body = {"error": {"code": code, "message": message, "details": details, "request_id": request_id}}
    return JSONResponse(body, status_code=status)
