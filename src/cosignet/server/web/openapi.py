"""The API's description (OpenAPI 3.1), made from the route table: it names what there is."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import orjson
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from cosignet import __version__
from cosignet.core.checkpoint import SIZE_MAX
from cosignet.core.confirmation import (
    EVIDENCE_KINDS,
    PAGE_SIZE_DEFAULT,
    PAGE_SIZE_MAX,
    WAIT_SECONDS_MAX,
    Status,
)
from cosignet.core.delivery import DeliveryStatus
from cosignet.core.idempotency import (
    IDEMPOTENCY_KEY_CHARACTERS,
    IDEMPOTENCY_KEY_HEADER,
)
from cosignet.server.services.evidence import HEADS_MAX
from cosignet.server.web.call import NO_NUL_PATTERN
from cosignet.server.web.cookies import SESSION_COOKIE
from cosignet.server.web.cursor import CURSOR_PATTERN
from cosignet.server.web.guards import API_KEY_HEADER
from cosignet.server.web.openapi_answers import REFERENCE, answers, reference
from cosignet.server.web.route import Row
from cosignet.server.web.schemas import Problem

_TEXT: dict[str, Any] = {"type": "string", "pattern": NO_NUL_PATTERN}
_SIZE: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": SIZE_MAX}
_QUERY: dict[str, dict[str, Any]] = {
    "wait": {"type": "integer", "minimum": 0, "maximum": WAIT_SECONDS_MAX, "default": 0},
    "status": {"type": "string", "enum": [str(status) for status in Status]},
    "username": _TEXT,
    "webhookId": _TEXT,
    "confirmationId": _TEXT,
    "requester": _TEXT | {"description": "An API key's name."},
    "since": {"type": "string", "format": "date-time", "description": "Created then or later."},
    "until": {"type": "string", "format": "date-time", "description": "Created before then."},
    "limit": {
        "type": "integer",
        "minimum": 1,
        "maximum": PAGE_SIZE_MAX,
        "default": PAGE_SIZE_DEFAULT,
    },
    **dict.fromkeys(("index", "treeSize"), _SIZE),
    # Nothing follows from an empty tree.
    **dict.fromkeys(("first", "second"), _SIZE | {"minimum": 1}),
    "kind": {"type": "string", "enum": list(EVIDENCE_KINDS)},
    "cursor": {
        "type": "string",
        "pattern": CURSOR_PATTERN,
        "description": "`nextCursor` of the page before.",
    },
    "id": _TEXT,
    "invite": _TEXT,
    "next": _TEXT,
}
_SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "api_key": [{"apiKey": []}],
    "agent": [{"apiKey": []}, {"bearer": []}],
    "session": [{"session": []}],
    "metrics": [{"metrics": []}],
}
_QUERY_OF: dict[tuple[str, str], dict[str, Any]] = {
    ("/api/webhook-deliveries", "status"): {
        "type": "string",
        "enum": [str(status) for status in DeliveryStatus],
    },
    ("/public/log/tree-heads", "cursor"): _SIZE
    | {"description": "`nextCursor` of the page before."},
    ("/public/log/tree-heads", "limit"): {
        "type": "integer",
        "minimum": 1,
        "maximum": HEADS_MAX,
        "default": HEADS_MAX,
    },
    # A page is shown whatever its address says; its script tells what is wrong with that.
    ("/verify", "id"): {"type": "string"},
    ("/verify", "kind"): {"type": "string"},
}
"""Where one route means something else by a name."""
_REQUIRED = {
    ("/public/log/proofs/inclusion", "index"),
    ("/public/log/proofs/consistency", "first"),
    ("/public/log/proofs/consistency", "second"),
}

_IDEMPOTENCY_KEY = {
    "name": IDEMPOTENCY_KEY_HEADER,
    "in": "header",
    "description": "The same request with the same key creates once, and is answered again.",
    "schema": {
        "type": "string",
        "minLength": IDEMPOTENCY_KEY_CHARACTERS[0],
        "maxLength": IDEMPOTENCY_KEY_CHARACTERS[1],
        "pattern": "^[ -~]+$",
    },
}


@cache
def describe(rows: tuple[Row, ...], public_url: str) -> bytes:
    """Return the description of all routes, as JSON; made once."""
    paths: dict[str, dict[str, Any]] = {}
    for row in rows:
        path = row.path.replace("*}", "}")  # a rest of a path is one parameter, too
        paths.setdefault(path, {})[row.method.lower()] = _operation(row)
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "Cosignet",
            "version": __version__,
            "description": "No signature, no approval: proceed only on an explicit `approved`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_url}],
        "paths": paths,
        "components": {
            "schemas": _schemas(rows),
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": API_KEY_HEADER},
                "bearer": {"type": "http", "scheme": "bearer"},
                "metrics": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE},
            },
        },
    }
    return orjson.dumps(document)


def _operation(row: Row) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{row.endpoint.__module__.rpartition('.')[2]}_{row.endpoint.__name__}",
        "summary": (row.endpoint.__doc__ or "").strip().rstrip("."),
        "security": _SECURITY.get(row.guard.name, []),
        "parameters": [*map(_path_parameter, _placeholders(row.path)), *_queries(row)],
        "responses": answers(row),
    }
    if row.replayed:
        operation["parameters"].append(_IDEMPOTENCY_KEY)
    if row.guard.scope:
        operation["description"] = f"Needs the scope `{row.guard.scope}`."
    if row.body:
        content = {"application/json": {"schema": reference(row.body)}}
        operation["requestBody"] = {"required": _says_something(row.body), "content": content}
    return operation


def _says_something(body: type[BaseModel]) -> bool:
    """Whether it has to be sent: no body at all says as much as an empty object."""
    return any(field.is_required() for field in body.model_fields.values())


def _schemas(rows: Sequence[Row]) -> dict[str, Any]:
    bodies: set[type[BaseModel]] = {row.body for row in rows if row.body}
    answers: set[type[BaseModel]] = {row.answer for row in rows if row.answer} | {Problem}
    answers |= {row.replayed for row in rows if row.replayed}
    modes: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        *((model, "validation") for model in bodies),
        *((model, "serialization") for model in answers),
    ]
    modes.sort(key=lambda pair: pair[0].__name__)
    _, schema = models_json_schema(modes, ref_template=REFERENCE)
    return schema["$defs"]


def _placeholders(path: str) -> list[str]:
    return re.findall(r"\{(\w+)\*?\}", path)


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _queries(row: Row) -> Iterator[dict[str, Any]]:
    for name in row.query:
        schema = _QUERY_OF.get((row.path, name)) or _QUERY[name]
        found = {"name": name, "in": "query", "schema": schema}
        yield found | {"required": True} if (row.path, name) in _REQUIRED else found
