"""How much waits in the store, for its operator."""

from cosignet.server.store.db import Reader

WAITING = {
    "confirmations": "SELECT count(*) AS n FROM confirmations WHERE status = 'pending'",
    "expiries": "SELECT count(*) AS n FROM confirmations WHERE decided_at IS NULL"
    " AND expires_at <= clock_ms()",
    "leaves": "SELECT count(*) AS n FROM leaves WHERE leaf_index IS NULL",
    "deliveries": "SELECT count(*) AS n FROM deliveries WHERE status = 'pending'",
}
"""By what waits: for a person, to be performed, to be sequenced, to be sent. Each has an index."""


async def waiting(reader: Reader) -> dict[str, int]:
    """Return how many of each wait now."""
    found: dict[str, int] = {}
    for what, sql in WAITING.items():
        rows = await reader.fetch(sql)
        found[what] = rows[0]["n"]
    return found
