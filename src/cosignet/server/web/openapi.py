"""The API's description (OpenAPI 3.1), made from the route table: it names what there is."""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import orjson
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from cosignet import __version__
from cosignet.core.checkpoint import SIZE_MAX
from cosignet.core.confirmation import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, WAIT_SECONDS_MAX, Status
from cosignet.core.idempotency import (
    IDEMPOTENCY_KEY_CHARACTERS,
    IDEMPOTENCY_KEY_HEADER,
    REPLAYED_HEADER,
)
from cosignet.server.services.evidence import KINDS
from cosignet.server.web.guards import API_KEY_HEADER
from cosignet.server.web.route import Row
from cosignet.server.web.schemas import Problem

_REFERENCE = "#/components/schemas/{model}"
_QUERY: dict[str, dict[str, Any]] = {
    "wait": {"type": "integer", "minimum": 0, "maximum": WAIT_SECONDS_MAX, "default": 0},
    "status": {"type": "string", "enum": [str(status) for status in Status]},
    "username": {"type": "string"},
    "limit": {
        "type": "integer",
        "minimum": 1,
        "maximum": PAGE_SIZE_MAX,
        "default": PAGE_SIZE_DEFAULT,
    },
    **{
        name: {"type": "integer", "minimum": 0, "maximum": SIZE_MAX}
        for name in ("index", "treeSize", "first", "second")
    },
    "kind": {"type": "string", "enum": list(KINDS)},
    "cursor": {"type": "string", "description": "`nextCursor` of the page before."},
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
_REPLAYED = {
    "description": "`true` where this was created, and answered, before.",
    "schema": {"type": "string", "enum": ["true"]},
}


@cache
def describe(rows: tuple[Row, ...], public_url: str) -> bytes:
    """Return the description of all routes but pages, as JSON; made once."""
    described = [row for row in rows if row.answer is not None]
    paths: dict[str, dict[str, Any]] = {}
    for row in described:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row)
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
            "schemas": _schemas(described),
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": API_KEY_HEADER}
            },
        },
    }
    return orjson.dumps(document)


def _operation(row: Row) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{row.endpoint.__module__.rpartition('.')[2]}_{row.endpoint.__name__}",
        "summary": (row.endpoint.__doc__ or "").strip().rstrip("."),
        "security": [{"apiKey": []}] if row.guard.scope else [],
        "parameters": [*map(_path_parameter, _placeholders(row.path)), *map(_query, row.query)],
        "responses": {
            str(row.status): {
                "description": "Done.",
                "content": {"application/json": {"schema": _reference(row.answer)}},
            },
            "4XX": _problem("Refused; nothing was changed."),
            "5XX": _problem("Not possible now; nothing is approved."),
        },
    }
    if row.replayed:
        operation["parameters"].append(_IDEMPOTENCY_KEY)
        created = operation["responses"][str(row.status)]
        created["headers"] = {REPLAYED_HEADER: _REPLAYED}
        if row.replayed is not row.answer:
            either = {"oneOf": [_reference(row.answer), _reference(row.replayed)]}
            created["content"]["application/json"]["schema"] = either
    if row.guard.scope:
        operation["description"] = f"Needs the scope `{row.guard.scope}`."
    if row.body:
        content = {"application/json": {"schema": _reference(row.body)}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _schemas(rows: Sequence[Row]) -> dict[str, Any]:
    bodies: set[type[BaseModel]] = {row.body for row in rows if row.body}
    answers: set[type[BaseModel]] = {row.answer for row in rows if row.answer} | {Problem}
    answers |= {row.replayed for row in rows if row.replayed}
    modes: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        *((model, "validation") for model in bodies),
        *((model, "serialization") for model in answers),
    ]
    modes.sort(key=lambda pair: pair[0].__name__)
    _, schema = models_json_schema(modes, ref_template=_REFERENCE)
    return schema["$defs"]


def _reference(model: type[BaseModel] | None) -> dict[str, str]:
    return {} if model is None else {"$ref": _REFERENCE.format(model=model.__name__)}


def _problem(description: str) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": _reference(Problem)}}
    return {"description": description, "content": content}


def _placeholders(path: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", path)


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _query(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": _QUERY[name]}
