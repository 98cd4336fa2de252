"""Where the next page of a list begins: a time and an id, as one text."""

from cosignet.core.errors import FieldInvalid


def write_cursor(before: tuple[int, str] | None) -> str | None:
    """Write it; None: there is no next page."""
    return None if before is None else "{}.{}".format(*before)


def parse_cursor(cursor: str | None) -> tuple[int, str] | None:
    """Read it.

    Raises:
        FieldInvalid: it is none that a list has given.
    """
    if cursor is None:
        return None
    at, _, last = cursor.partition(".")
    if not (at.isascii() and at.isdigit() and len(at) <= 15 and last):
        raise FieldInvalid("take nextCursor of the page before", field="cursor")
    return int(at), last
