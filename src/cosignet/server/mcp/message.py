"""One message, read as strictly as every other body: the SDK's own reading is lenient.

`json.loads` keeps the last of two members of one name and takes NaN; pydantic takes "25" for 25.
What is shown, hashed and signed must be what the agent wrote, so tools take their arguments from
here. The SDK reads the same bytes once more for the protocol around them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import orjson
from starlette.requests import Request

from cosignet.core.errors import BodyNotJson, BodyNotObject, FieldUnknown, InvalidInput, Refusal
from cosignet.core.jsonpath import excerpt
from cosignet.core.jsontext import JsonValue, parse_json
from cosignet.server.web.call import Call

WITHIN = "params.arguments."
"""Where a tool's arguments stand in a message; agents know them without that."""
_MEMBERS = {"jsonrpc", "id", "method", "params", "result", "error"}
"""Of any message (JSON-RPC 2.0, sections 4 and 5)."""
HEARD = "cosignet.heard"
"""Where in a request's scope its message stands."""


@dataclass(slots=True)
class Heard:
    """A message, and whose it is."""

    call: Call
    body: bytes = field(repr=False)
    """What the SDK reads."""
    arguments: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue], repr=False)
    """Of the tool, read strictly."""
    refusal: Refusal | None = None
    """Why they could not be read; the tool says so."""
    wants_progress: bool = False
    request_id: str = ""

    @property
    def waits(self) -> bool:
        """Whether its tool may be asked to wait for somebody."""
        return bool(self.arguments.get("wait_seconds"))


def read_message(call: Call, raw: bytes) -> Heard | None:
    """Read a message; None: it asks for nothing, and tells of nothing.

    Raises:
        InvalidInput: it cannot be read, and is no call of a tool that could say so.
    """
    try:
        message = parse_json(raw)
    except BodyNotJson:
        raise
    except InvalidInput as refusal:
        return Heard(call, _without_arguments(raw, refusal), refusal=refusal)
    if not isinstance(message, dict):
        raise BodyNotObject
    for name in message.keys() - _MEMBERS:
        raise FieldUnknown(field=excerpt(name))
    if not _is_request(message):
        return None
    params = _member(message, "params")
    arguments = _member(params, "arguments")
    token = _member(params, "_meta").get("progressToken")
    return Heard(call, raw, arguments, wants_progress=isinstance(token, str | int))


def heard_in(request: Any) -> Heard:
    """Return the message of a request that the SDK has handed on."""
    return cast(Request, request).scope[HEARD]


def _is_request(message: Mapping[str, object]) -> bool:
    """Whether it is a request or a notification (JSON-RPC 2.0, section 4), as MCP has them.

    The SDK would say so, too, in words that name its own types and repeat the value.
    """
    params = message.get("params")
    return (
        message.get("jsonrpc") == "2.0"
        and isinstance(message.get("method"), str)
        and (params is None or isinstance(params, dict))
        and ("id" not in message or _is_id(message["id"]))
    )


def _is_id(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _member(value: object, name: str) -> dict[str, Any]:
    """Return a member that is an object; an empty one where it is not."""
    found: object = cast(dict[str, Any], value).get(name) if isinstance(value, dict) else None
    return cast(dict[str, Any], found) if isinstance(found, dict) else {}


def _without_arguments(raw: bytes, refusal: InvalidInput) -> bytes:
    """Return the call of a tool whose arguments could not be read, so that it can be answered."""
    try:
        message = json.loads(raw)
        params = _member(message, "params")
        if params and _is_request(message) and message["method"] == "tools/call":
            return orjson.dumps(message | {"params": params | {"arguments": {}}})
    except (ValueError, TypeError, RecursionError):
        pass
    raise refusal
