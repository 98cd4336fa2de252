"""How long rows stay that nobody needs any more. What was decided, and by whom, stays for good."""

from dataclasses import dataclass

from cosignet.core.idempotency import IDEMPOTENCY_MS


@dataclass(frozen=True, slots=True)
class Kept:
    """Rows that are forgotten so many milliseconds after the time in one of their columns."""

    table: str
    key: str
    """What tells one row from another."""
    since: str
    """Unix milliseconds; there is an index on it. While it is null the row stays."""
    kept_ms: int = 0


DELIVERIES_KEPT_MS = 90 * 86_400_000
"""So long after its end a delivery can be looked at, and sent again."""
RETENTION = (
    Kept("idempotency_keys", "api_key_id, key_hash", "created_at", IDEMPOTENCY_MS),
    Kept("old_secrets", "key_hash", "ends_at"),
    Kept("sessions", "token_hash", "expires_at"),
    Kept("private_views", "token_hash", "expires_at"),
    Kept("ceremonies", "purpose, subject", "expires_at"),
    Kept("deliveries", "id", "ended_at", DELIVERIES_KEPT_MS),  # and their attempts with them
)
"""What has ended opens nothing, whether or not its row is still there."""
PROMPTS_OPEN_MAX = 100_000
"""Passkey prompts that are open at once. Anybody may open one; beyond this the oldest end early. A
person who is answering one notices only if that many were opened since."""
FORGOTTEN_AT_ONCE = 500
"""Rows of one transaction, so that no request waits long behind it."""
