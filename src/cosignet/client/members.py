"""Reading what should prove an approval: what is missing there, or of another kind, refuses it."""

from datetime import datetime
from typing import cast

from cosignet.client.errors import EvidenceRefused
from cosignet.core.encoding import base64url_decode
from cosignet.core.jsontext import JsonValue

Members = dict[str, JsonValue]


def must(holds: object, code: str, otherwise: str) -> None:
    """Refuse, unless something holds.

    Raises:
        EvidenceRefused: with that code and those words.
    """
    if not holds:
        raise EvidenceRefused(code, otherwise)


def text_in(members: Members, name: str) -> str:
    """Return a text, or raise EvidenceRefused, as all of these do."""
    found = members.get(name)
    if not isinstance(found, str):
        raise EvidenceRefused("malformed", f"{name} is missing")
    return found


def object_in(members: Members, name: str) -> Members:
    """Return an object."""
    found = members.get(name)
    if not isinstance(found, dict):
        raise EvidenceRefused("malformed", f"{name} is missing")
    return cast(Members, found)


def bytes_in(members: Members, name: str) -> bytes:
    """Return what is written there in base64url."""
    try:
        return base64url_decode(text_in(members, name))
    except ValueError:
        raise EvidenceRefused("malformed", f"{name} is no base64url") from None


def unix_seconds(text: str) -> float:
    """Return the moment that a time of RFC 3339 names."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        raise EvidenceRefused("malformed", f"{text!r} is no time") from None
