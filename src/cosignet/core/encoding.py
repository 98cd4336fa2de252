"""Times and bytes as texts, each in one spelling only."""

import base64
import binascii
import re
from datetime import datetime, timedelta

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_EPOCH = datetime(1970, 1, 1)


def base64url(data: bytes) -> str:
    """Write bytes as unpadded base64url (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def base64url_decode(text: str) -> bytes:
    """Read unpadded base64url, strictly.

    Raises:
        ValueError: padding, another alphabet, white space, or trailing bits that are not zero
            (RFC 4648, section 3.5: they would give one value two spellings).
    """
    if not _BASE64URL.fullmatch(text):
        raise ValueError("not base64url")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    if base64url(data) != text:
        raise ValueError("not the shortest base64url")
    return data


def rfc3339(unix_milliseconds: int) -> str:
    """Write a time as RFC 3339 UTC with milliseconds, the only spelling used on the wire."""
    moment = _EPOCH + timedelta(milliseconds=unix_milliseconds)
    return moment.isoformat("T", "milliseconds") + "Z"
