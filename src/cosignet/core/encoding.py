"""Times and bytes as texts, each in one spelling only."""

from binascii import a2b_base64, b2a_base64
from datetime import datetime, timedelta
from functools import lru_cache

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
# The other alphabet's two characters become one of none.
_FROM_URL_SAFE = bytes.maketrans(b"-_+/", b"+/!!")
_PADDING = (b"", b"===", b"==", b"=")
"""Of a text whose length leaves so much over when divided by four."""
_EPOCH = datetime(1970, 1, 1)


def base64url(data: bytes) -> str:
    """Write bytes as unpadded base64url (RFC 4648, section 5)."""
    return b2a_base64(data, newline=False).translate(_URL_SAFE).rstrip(b"=").decode()


def base64url_decode(text: str) -> bytes:
    """Read unpadded base64url, strictly.

    Raises:
        ValueError: padding, another alphabet, white space, or trailing bits that are not zero
            (RFC 4648, section 3.5: they would give one value two spellings).
    """
    try:
        standard = text.encode().translate(_FROM_URL_SAFE)
        data = a2b_base64(standard + _PADDING[len(standard) % 4])
    except ValueError:
        raise ValueError("not base64url") from None
    # The library passes over whatever else it meets, but writing again then gives another text.
    if b2a_base64(data, newline=False).rstrip(b"=") != standard:
        raise ValueError("not base64url in its one spelling")
    return data


# Most times that are told were told before, or lie close to one that was.
@lru_cache(maxsize=1024)
def rfc3339(unix_milliseconds: int) -> str:
    """Write a time as RFC 3339 UTC with milliseconds, the only spelling used on the wire."""
    seconds, milliseconds = divmod(unix_milliseconds, 1000)
    return f"{_second(seconds)}.{milliseconds:03}Z"


@lru_cache(maxsize=1024)
def _second(unix_seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=unix_seconds)).isoformat()
