"""`nextCursor` of a list: where the page after it begins."""

import re

from cosignet.core.errors import FieldInvalid

CURSOR_PATTERN = "^[0-9]{1,15}[.][0-9a-f-]{36}$"
"""Unix milliseconds and an id, of the last item of a page."""
_CURSOR = re.compile(CURSOR_PATTERN[1:-1])


def format_cursor(last: tuple[int, str]) -> str:
    """Write where a page ended."""
    at, id_ = last
    return f"{at}.{id_}"


def parse_cursor(text: str | None) -> tuple[int, str] | None:
    """Read where the page before ended; nothing was said: there was none.

    Raises:
        FieldInvalid: it is no `nextCursor`.
    """
    if text is None:
        return None
    if not _CURSOR.fullmatch(text):
        raise FieldInvalid("take nextCursor of the page before", field="cursor")
    at, _, id_ = text.partition(".")
    return int(at), id_
