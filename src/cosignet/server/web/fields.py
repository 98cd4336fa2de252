"""A request's header fields by their names: each of them is looked for several times."""

from collections.abc import Mapping

from starlette.types import Scope

FIELDS = "cosignet.fields"
"""Where in a request's scope they stand."""


def note_fields(scope: Scope) -> None:
    """Note a request's fields by name, as ASGI spells it: in lower case."""
    # Of a field that is there repeatedly the first one stays.
    scope[FIELDS] = dict(reversed(scope["headers"]))


def field(scope: Scope, name: bytes) -> bytes | None:
    """Return a field, the first one if it is there repeatedly."""
    fields: Mapping[bytes, bytes] = scope[FIELDS]
    return fields.get(name)


def fields(scope: Scope, name: bytes) -> list[bytes]:
    """Return a field as often as it is there."""
    first = field(scope, name)
    if first is None:
        return []
    if len(scope[FIELDS]) == len(scope["headers"]):  # none is there repeatedly
        return [first]
    return [value for key, value in scope["headers"] if key == name]
