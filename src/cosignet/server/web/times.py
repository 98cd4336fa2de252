"""Times that clients send: RFC 3339, with a zone."""

import re
from datetime import UTC, datetime

from cosignet.core.errors import FieldInvalid

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_time(text: str, *, field: str) -> int:
    """Return a time (RFC 3339, section 5.6) in unix milliseconds, rounded; `field` is whose.

    Raises:
        FieldInvalid: it is none.
    """
    try:
        moment = datetime.fromisoformat(text) if _RFC3339.fullmatch(text) else None
    except ValueError:
        moment = None
    if moment is None:
        raise FieldInvalid("a time such as 2026-11-20T20:45:25Z", field=field)
    return round((moment - _EPOCH).total_seconds() * 1000)
