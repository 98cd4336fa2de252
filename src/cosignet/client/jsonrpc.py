"""Messages of an agent (JSON-RPC 2.0), as every server reads them, or not at all.

What two parsers could take for two different messages is refused before anybody acts upon it.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias, cast

Id: TypeAlias = int | str
PARSE_ERROR, INVALID_REQUEST, INVALID_PARAMS, SERVER_ERROR = -32700, -32600, -32602, -32000
CALL, LIST, CANCELLED = "tools/call", "tools/list", "notifications/cancelled"
_MEMBERS = ("jsonrpc", "id", "method", "params", "result", "error")
CALL_MEMBERS = ("name", "arguments", "_meta")
_PROTOCOL = "io.modelcontextprotocol/"
_BREAK = re.compile(rb"\r(?!\n\Z)|\n(?!\Z)")


class Unreadable(Exception):
    """A message that could be read in two ways, or in none."""

    def __init__(self, why: str, *, id_: Id | None = None, code: int = INVALID_REQUEST) -> None:
        super().__init__(f"{why} Nothing was passed on.")
        self.id = id_
        self.code = code


@dataclass(frozen=True, slots=True)
class Message:
    """One message, by its members."""

    members: dict[str, Any]

    @property
    def method(self) -> str | None:
        """What a request or a notification wants; None for an answer."""
        return self.members.get("method")

    @property
    def id(self) -> Id | None:
        """Which request it is, or is answered."""
        return id_of(self.members)

    @property
    def params(self) -> dict[str, Any]:
        """The parameters; empty if they are none."""
        said = self.members.get("params")
        return cast("dict[str, Any]", said) if isinstance(said, dict) else {}


@dataclass(frozen=True, slots=True)
class Call:
    """A request to call a tool."""

    id: Id
    tool: str
    params: dict[str, Any]

    @property
    def progress_token(self) -> Id | None:
        """What progress is told under, if somebody wants to hear of it."""
        meta = self.params.get("_meta")
        token = (
            cast("dict[str, Any]", meta).get("progressToken") if isinstance(meta, dict) else None
        )
        return token if isinstance(token, str) or type(token) is int else None

    @property
    def meta(self) -> dict[str, Any]:
        """What the protocol itself needs of `_meta`; nobody signs the rest, so it is left out."""
        meta = cast("dict[str, Any]", self.params.get("_meta") or {})
        names = [n for n in meta if n == "progressToken" or n.startswith(_PROTOCOL)]
        return {name: meta[name] for name in names}


def read_messages(line: bytes) -> Message | list[Message]:
    """Read one line: a message, or a batch of them.

    Raises:
        Unreadable: it is none, or one that programs could read differently.
    """
    if _BREAK.search(line):
        # Some servers end a line at a carriage return; within JSON it is white space.
        raise Unreadable("A message has a line break in it.", id_=_guessed_id(line))
    try:
        value = _READER.decode(line.decode("utf-8"))
    except _Twice as twice:
        raise Unreadable(f"Two members are called {twice}.", id_=_guessed_id(line)) from None
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"This is no JSON: {error}.", code=PARSE_ERROR) from None
    if isinstance(value, list):
        return [_message(one) for one in cast("list[object]", value)]
    return _message(value)


def read_call(message: Message) -> Call:
    """Read a request to call a tool.

    Raises:
        Unreadable: it is not clear which tool, with what, or who wants the answer.
    """
    id_, params = message.id, message.members.get("params")
    if id_ is None:
        raise Unreadable("A call of a tool needs an id that is a text or an integer.")
    if not isinstance(params, dict):
        raise Unreadable("A call of a tool needs params.", id_=id_, code=INVALID_PARAMS)
    members = cast("dict[str, Any]", params)
    _verify_spelling(members, CALL_MEMBERS, id_)
    tool = members.get("name")
    if not isinstance(tool, str) or not tool:
        raise Unreadable("The name of a tool is a text.", id_=id_, code=INVALID_PARAMS)
    for name in ("arguments", "_meta"):
        if name in members and not isinstance(members[name], dict):
            raise Unreadable(f"{name} has to be an object.", id_=id_, code=INVALID_PARAMS)
    return Call(id_, tool, members)


def id_of(members: dict[str, Any]) -> Id | None:
    """Return a message's id, if it is one."""
    id_ = members.get("id")
    return id_ if isinstance(id_, str) or type(id_) is int else None


def line_of(value: object) -> bytes:
    """Write one message as a line of ASCII: whatever splits lines, it stays one."""
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def result_line(id_: Id, result: dict[str, Any]) -> bytes:
    """Write the answer to a request."""
    return line_of({"jsonrpc": "2.0", "id": id_, "result": result})


def error_line(id_: Id | None, code: int, words: str) -> bytes:
    """Write a refusal of a request."""
    return line_of({"jsonrpc": "2.0", "id": id_, "error": {"code": code, "message": words}})


def notification_line(method: str, params: dict[str, Any]) -> bytes:
    """Write a notification."""
    return line_of({"jsonrpc": "2.0", "method": method, "params": params})


# --- Reading --------------------------------------------------------------------------------------


class _Twice(Exception):
    """Two equal keys."""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(ascii(next(one for one in names if names.count(one) > 1))[:80])
    return members


def _refuse_constant(literal: str) -> NoReturn:
    raise ValueError(f"{literal} is no number")


_READER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant)


def _message(value: object) -> Message:
    if not isinstance(value, dict):
        raise Unreadable("A message is an object.")
    members = cast("dict[str, Any]", value)
    id_ = id_of(members)
    _verify_spelling(members, _MEMBERS, id_)
    method = members.get("method", "")
    if not isinstance(method, str):
        raise Unreadable("A method is a text.", id_=id_)
    if method != CALL and method.strip().casefold() == CALL:
        raise Unreadable(f"A method is spelled {CALL}.", id_=id_)
    return Message(members)


def _verify_spelling(members: dict[str, Any], names: tuple[str, ...], id_: Id | None) -> None:
    """Refuse `Method` for `method`, which some languages read alike (Go's encoding/json)."""
    for name in members:
        if name not in names and name.casefold() in names:
            raise Unreadable(f"A member is called {name.casefold()}, not {name!a}.", id_=id_)


def _guessed_id(line: bytes) -> Id | None:
    """Return the id under which somebody waits for an answer to what cannot be read."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return id_of(cast("dict[str, Any]", value)) if isinstance(value, dict) else None
