"""How much anybody may take of a server at once, and for how long: each number, once."""

from dataclasses import dataclass, fields, replace
from difflib import get_close_matches

from cosignet.core.errors import SetupError
from cosignet.core.rate import Rate

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
HELD_PER_ADDRESS_MAX = 500
"""Likewise of pages at one address, however many links they have; offices share one."""
HELD_PER_NODE_MAX = 20_000
"""All of them, where descriptors allow: at 20 KiB each this is 400 MB."""
DESCRIPTORS_RESERVED_MIN = 256
"""Never given to a client: the database, the log's files and deliveries (128) need some, too."""

REQUESTS_PER_KEY_MAX = Rate(120_000, 60)
"""Of one API key, whatever it asks, on one node; as are all rates."""
CREATIONS_PER_KEY_MAX = Rate(12_000, 60)
"""How many of them may ask for an approval."""
FAILED_KEYS_PER_ADDRESS_MAX = Rate(60, 60)
"""API keys that are none, of one address. A good key is never refused for others' bad ones."""
REQUESTS_PER_ADDRESS_MAX = Rate(6_000, 60)
"""Of one address, to what needs no API key; an office of hundreds shares one."""
CEREMONIES_PER_ADDRESS_MAX = Rate(600, 60)
"""How many of them may be steps with a passkey: prompts, and answers to them."""
FAILURES_PER_ADDRESS_MAX = Rate(120, 600)
"""Steps with a passkey that were refused."""
FAILURES_PER_PROMPT_MAX = Rate(30, 300)
"""Likewise, of one address at one confirmation."""
PROMPTS_PER_INVITE_MAX = Rate(60, 60)
"""Registrations that are begun with one invite, by whoever has it."""
BUCKETS_MAX = 100_000
"""Whose rates a node remembers, in about 20 MB; the quietest are forgotten first."""

PENDING_PER_APPROVER_MAX = 1_000
"""Confirmations that wait for one person. Nobody can read more before they expire."""
PENDING_PER_APPROVER_AND_KEY_MAX = 500
"""Likewise, of one API key: no key can use up what others need."""
REJECTIONS_MAX = Rate(5, 600)
"""Signed rejections of one API key's by one approver; then it cannot ask them for a while."""


READINESS_SECONDS = 1
"""For so long everybody who asks whether a node can do its work is told what was found last: each
proof waits for the disk, and anybody may ask."""


SENDING_PER_NODE_MAX = 128
"""Deliveries that one node sends at the same time."""
SENDING_PER_WEBHOOK_MAX = 16
"""Likewise to one endpoint; to one whose last attempt failed, one at a time."""
LEASE_SECONDS = 30
"""When whoever was to send a delivery, and has not said how that went, is taken to have ended."""


_NUMBER_MAX = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What one node allows; tests allow less, so as not to wait."""

    head_seconds: float = HEAD_SECONDS_MAX
    body_seconds: float = BODY_SECONDS_MAX
    held_per_key: int = HELD_PER_KEY_MAX
    held_per_organisation: int = HELD_PER_ORGANISATION_MAX
    held_per_page: int = HELD_PER_PAGE_MAX
    held_per_address: int = HELD_PER_ADDRESS_MAX
    held_per_node: int = HELD_PER_NODE_MAX
    connections_per_node: int = _NUMBER_MAX
    sending_per_node: int = SENDING_PER_NODE_MAX
    sending_per_webhook: int = SENDING_PER_WEBHOOK_MAX
    lease_seconds: float = LEASE_SECONDS
    readiness_seconds: float = READINESS_SECONDS
    requests_per_key: Rate = REQUESTS_PER_KEY_MAX
    creations_per_key: Rate = CREATIONS_PER_KEY_MAX
    failed_keys_per_address: Rate = FAILED_KEYS_PER_ADDRESS_MAX
    requests_per_address: Rate = REQUESTS_PER_ADDRESS_MAX
    ceremonies_per_address: Rate = CEREMONIES_PER_ADDRESS_MAX
    failures_per_address: Rate = FAILURES_PER_ADDRESS_MAX
    failures_per_prompt: Rate = FAILURES_PER_PROMPT_MAX
    prompts_per_invite: Rate = PROMPTS_PER_INVITE_MAX
    pending_per_approver: int = PENDING_PER_APPROVER_MAX
    pending_per_approver_and_key: int = PENDING_PER_APPROVER_AND_KEY_MAX
    rejections: Rate = REJECTIONS_MAX


def within(limits: Limits, descriptors: int) -> Limits:
    """Return the limits of a process that may open so many files and sockets."""
    connections = max(1, descriptors - DESCRIPTORS_RESERVED_MIN)
    return replace(
        limits, connections_per_node=connections, held_per_node=held_per_node(descriptors)
    )


def held_per_node(descriptors: int) -> int:
    """Return how many may wait in a process that may open so many files and sockets."""
    reserved = max(DESCRIPTORS_RESERVED_MIN, descriptors // 4)
    return min(HELD_PER_NODE_MAX, max(1, descriptors - reserved))


FIXED = (
    "head_seconds",
    "body_seconds",
    "held_per_node",
    "connections_per_node",
    "readiness_seconds",
    "lease_seconds",
)
CONFIGURABLE = {field.name: field.type for field in fields(Limits) if field.name not in FIXED}
"""What an operator may set. How many a node can hold depends on its descriptors."""


def parse_limits(text: str) -> Limits:
    """Read limits such as `pending_per_approver=200 creations_per_key=100/60`.

    Those that are not named keep their defaults.

    Raises:
        SetupError: a name is unknown, or its number or rate is none.
    """
    given: dict[str, int | Rate] = {}
    for word in text.replace(",", " ").split():
        name, _, value = word.partition("=")
        if name not in CONFIGURABLE:
            near = get_close_matches(name, CONFIGURABLE, n=1, cutoff=0)[0]
            raise SetupError(f"COSIGNET_LIMITS names {name!r}. Did you mean {near}?")
        if name in given:
            raise SetupError(f"COSIGNET_LIMITS names {name} twice.")
        given[name] = _limit(name, value)
    return replace(Limits(), **given)


def _limit(name: str, value: str) -> int | Rate:
    is_rate = CONFIGURABLE[name] is Rate
    parts = value.split("/") if is_rate else [value]
    numbers = [int(part) for part in parts if part.isascii() and part.isdigit()]
    if len(numbers) != 1 + is_rate or not all(0 < number <= _NUMBER_MAX for number in numbers):
        form = "a number and seconds, such as 100/60" if is_rate else "a number above 0"
        raise SetupError(f"COSIGNET_LIMITS has {name}={value}; give {form}.")
    return Rate(*numbers) if is_rate else numbers[0]
