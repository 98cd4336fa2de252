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

HELD_PER_KEY_MAX = 1_000
"""Requests of one API key that wait for a decision, on one node."""
HELD_PER_ORGANISATION_MAX = 10_000
"""Likewise of all its keys."""
HELD_PER_PAGE_MAX = 200
"""Likewise of whoever has one confirmation's link."""
HELD_PER_NODE_MAX = 20_000
"""All of them, where descriptors allow: at 20 KiB each this is 400 MB."""
DESCRIPTORS_RESERVED_MIN = 128
"""Never given to who waits: the database, logs, and everybody who only asks something."""


SENDING_PER_NODE_MAX = 128
"""Deliveries that one node sends at the same time."""
SENDING_PER_WEBHOOK_MAX = 16
"""Likewise to one endpoint; to one whose last attempt failed, one at a time."""
LEASE_SECONDS = 30
"""When whoever was to send a delivery, and has not said how that went, is taken to have ended."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one node allows; tests allow less, so as not to wait."""

    head_seconds: float = HEAD_SECONDS_MAX
    body_seconds: float = BODY_SECONDS_MAX
    held_per_key: int = HELD_PER_KEY_MAX
    held_per_organisation: int = HELD_PER_ORGANISATION_MAX
    held_per_page: int = HELD_PER_PAGE_MAX
    held_per_node: int = HELD_PER_NODE_MAX
    sending_per_node: int = SENDING_PER_NODE_MAX
    sending_per_webhook: int = SENDING_PER_WEBHOOK_MAX
    lease_seconds: float = LEASE_SECONDS


def held_per_node(descriptors: int) -> int:
    """Return how many may wait in a process that may open so many files and sockets."""
    reserved = max(DESCRIPTORS_RESERVED_MIN, descriptors // 4)
    return min(HELD_PER_NODE_MAX, max(1, descriptors - reserved))
