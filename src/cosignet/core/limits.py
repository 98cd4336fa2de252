"""How much anybody may take of a server at once, and for how long: each number, once."""

from dataclasses import dataclass

HEAD_SECONDS_MAX = 10
"""For a whole request head, from its first byte; on a new connection, from its opening."""
BODY_SECONDS_MAX = 20
"""For a whole body, from the end of its head: 26 KiB/s for the largest that is taken."""
HEAD_BYTES_MAX = 16 * 1024
"""Of the target and all header fields. Browsers keep their cookies for one host below 8 KiB."""
HEADER_FIELDS_MAX = 64
"""Of one request; browsers send about twenty, and proxies add a handful."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one node allows; tests allow less, so as not to wait."""

    head_seconds: float = HEAD_SECONDS_MAX
    body_seconds: float = BODY_SECONDS_MAX
