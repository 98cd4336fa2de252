"""What the API's description says of answers: by status, with their headers and media types."""

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel

from cosignet.core.idempotency import REPLAYED_HEADER
from cosignet.server.web.request_id import REQUEST_ID_HEADER, REQUEST_ID_PATTERN
from cosignet.server.web.route import Row
from cosignet.server.web.schemas import Problem

REFERENCE = "#/components/schemas/{model}"
_ANYWHERE = (400, 404, 405, 408, 413, 421, 422, 431, 500, 503)
"""What a request can be refused with wherever it goes."""
_BY_GUARD = {
    "api_key": (401, 403, 429),
    "agent": (401, 403, 429),
    "session": (401, 403, 429),
    "metrics": (401, 429),
    "ceremony": (403, 429),
    "page": (403, 429),
    "log": (429,),
}
_SECONDS = {"type": "string", "pattern": "^[0-9]+$"}
_WORD = {"type": "string", "minLength": 1}
_NEEDED: dict[int, dict[str, dict[str, Any]]] = {
    401: {"WWW-Authenticate": _WORD},
    405: {"Allow": _WORD},
    429: {"Retry-After": _SECONDS},
    503: {"Retry-After": _SECONDS},
}
"""Headers that a status comes with (RFC 9110, sections 10.2 and 11.6; RFC 6585, section 4)."""


def answers(row: Row) -> dict[str, Any]:
    """Return what a route may answer, by status."""
    found = {str(row.status): _done(row)}
    if row.later:
        found["202"] = _done(row)
    if row.answer is None:
        found["3XX"] = {"description": "Elsewhere.", "headers": _headers(0)}
    refused = {*_ANYWHERE, *_BY_GUARD.get(row.guard.name, ())}
    if row.method == "POST":
        refused.add(409)
    is_page = row.answer is None
    return found | {str(status): _refused(status, is_page) for status in sorted(refused)}


def reference(model: type[BaseModel] | None) -> dict[str, str]:
    """Return where a model is described."""
    return {} if model is None else {"$ref": REFERENCE.format(model=model.__name__)}


def _done(row: Row) -> dict[str, Any]:
    schema: dict[str, Any] = reference(row.answer)
    headers = _headers(row.status)
    if row.replayed:
        headers[REPLAYED_HEADER] = _header({"type": "string", "enum": ["true"]}, required=False)
        if row.replayed is not row.answer:
            schema = {"oneOf": [reference(row.answer), reference(row.replayed)]}
    content: dict[str, Any] = {row.media: {}}
    if row.answer:
        content = {"application/json": {"schema": schema}}
    return {"description": "Done.", "headers": headers, "content": content}


def _refused(status: int, is_page: bool) -> dict[str, Any]:
    content: dict[str, Any] = {"application/problem+json": {"schema": reference(Problem)}}
    if is_page:
        content["text/html"] = {}
    description = f"{HTTPStatus(status).phrase}; nothing is approved."
    return {"description": description, "headers": _headers(status), "content": content}


def _headers(status: int) -> dict[str, Any]:
    schemas = {REQUEST_ID_HEADER: {"type": "string", "pattern": REQUEST_ID_PATTERN}}
    return {
        name: _header(schema, required=True)
        for name, schema in (schemas | _NEEDED.get(status, {})).items()
    }


def _header(schema: dict[str, Any], *, required: bool) -> dict[str, Any]:
    return {"required": required, "schema": schema}
