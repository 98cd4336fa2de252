"""Reading the JSON around a passkey's answer: objects, texts and strict base64url."""

import re
from typing import cast

from cosignet.core.encoding import base64url_decode
from cosignet.server.webauthn.malformed import (
    Base64Alphabet,
    Base64Length,
    Base64Padded,
    Base64TrailingBits,
    MemberMissing,
    MemberNotText,
    MemberTooLong,
)

MEMBER_CHARACTERS_MAX = 22_000
"""Characters of one base64url member, 16 KiB of bytes: several times what any passkey sends."""

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")


def as_object(value: object) -> dict[str, object] | None:
    """Return a parsed JSON value if it is an object."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def text_member(members: dict[str, object], name: str, field: str) -> str:
    """Return a required text; `field` is its path in a refusal.

    Raises:
        MemberMissing, MemberNotText: the member is absent, or not a text.
    """
    if name not in members:
        raise MemberMissing(field=field)
    value = members[name]
    if not isinstance(value, str):
        raise MemberNotText(field=field)
    return value


def bytes_member(members: dict[str, object], name: str, field: str) -> bytes:
    """Return the bytes of a required unpadded base64url text (WebAuthn L3, section 5.1, toJSON).

    Raises:
        CeremonyMalformed: a subclass says what is wrong with the member `field`.
    """
    text = text_member(members, name, field)
    if len(text) > MEMBER_CHARACTERS_MAX:
        raise MemberTooLong(field=field)
    try:
        return base64url_decode(text)
    except ValueError:
        pass  # for one of these reasons
    if "=" in text:
        raise Base64Padded(field=field)
    if not _BASE64URL.fullmatch(text):
        raise Base64Alphabet(field=field)
    if len(text) % 4 == 1:
        raise Base64Length(field=field)
    raise Base64TrailingBits(field=field)
