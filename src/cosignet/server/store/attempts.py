"""Attempts at deliveries: written before anything is sent, completed after."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from cosignet.core.delivery import Attempt, Claim
from cosignet.server.store.db import Reader, Transaction

_OF = """
SELECT delivery_id, number, started_at, status, duration_ms, error, request, response
FROM attempts WHERE delivery_id IN ({}) ORDER BY number
"""


def append(tx: Transaction, claim: Claim) -> None:
    """Write down that an attempt is about to be made."""
    tx.append(
        "INSERT INTO attempts (delivery_id, number, organisation_id, started_at)",
        claim.delivery.id,
        claim.number,
        claim.delivery.organisation_id,
        claim.at,
    )


async def record(tx: Transaction, claim: Claim, made: Attempt) -> None:
    """Write down how an attempt went."""
    await tx.execute(
        "UPDATE attempts SET status = $3, duration_ms = $4, error = $5, request = $6, response = $7"
        " WHERE delivery_id = $1 AND number = $2",
        claim.delivery.id,
        claim.number,
        made.status,
        made.duration_ms,
        made.error,
        made.request,
        made.response,
    )


async def of(reader: Reader, delivery_ids: Sequence[str]) -> Mapping[str, Iterable[Attempt]]:
    """Return the attempts at some deliveries, in order."""
    found: defaultdict[str, list[Attempt]] = defaultdict(list)
    if not delivery_ids:
        return found
    places = ", ".join(f"${number}" for number in range(1, len(delivery_ids) + 1))
    for row in await reader.fetch(_OF.format(places), *delivery_ids):
        delivery_id, *rest = row
        found[delivery_id].append(Attempt(*rest))
    return found
