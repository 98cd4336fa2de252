"""How much one approver has to look at: what waits for them, and what they have just rejected.

A confirmation is inserted by the statement that looks, or right after it in the same transaction,
so that the limits hold on all nodes at once. No more rows are looked at than may be there.
"""

from dataclasses import dataclass

from cosignet.core.limits import Limits
from cosignet.server.store.db import Reader, Room, Transaction

# $1 the approver, $2 the API key, $3 how many may wait at all, $4 how many of the key's; $5 and one
# are the rejections that are too many, $6 for how many milliseconds each counts.
_LEFT = """
SELECT $3 - count(*) AS of_all,
       $4 - coalesce(sum(CASE WHEN api_key_id = $2 THEN 1 ELSE 0 END), 0) AS of_key,
       min(expires_at) AS first_ends_at
FROM (SELECT api_key_id, expires_at FROM confirmations
      WHERE approver_id = $1 AND status = 'pending' AND expires_at > clock_ms()
      ORDER BY expires_at LIMIT $3) waiting
"""
_REJECTED = """
SELECT decided_at FROM confirmations
WHERE approver_id = $1 AND api_key_id = $2 AND status = 'rejected' AND rejection_signed
    AND decided_at > clock_ms() - $6 AND decided_at <= clock_ms()
ORDER BY decided_at DESC LIMIT 1 OFFSET $5
"""
_ROOM = (
    f"SELECT CASE WHEN EXISTS ({_REJECTED}) THEN 0"  # noqa: S608 - made of the texts above alone
    f" WHEN of_all < of_key THEN of_all ELSE of_key END FROM ({_LEFT}) room"
)
_STANDING = (
    f"SELECT clock_ms() AS now, ({_REJECTED}) + $6 AS cool_at, of_all, of_key,"  # noqa: S608 - likewise
    f" first_ends_at FROM ({_LEFT}) room"
)


@dataclass(frozen=True, slots=True)
class Standing:
    """Why an API key may not ask an approver now; times are milliseconds from now."""

    cools_down_ms: int | None
    """None: they have not rejected too many."""
    room: int
    room_of_key: int
    first_ends_ms: int
    """When the first that waits expires, if nobody decides."""


def room(approver_id: str, api_key_id: str, limits: Limits) -> Room:
    """Return how many confirmations of this key may still be added for this approver."""
    return Room(
        _ROOM,
        (
            approver_id,
            api_key_id,
            limits.pending_per_approver,
            limits.pending_per_approver_and_key,
            limits.rejections.times - 1,
            limits.rejections.seconds * 1000,
        ),
    )


async def has_room(tx: Transaction, room: Room) -> bool:
    """Whether there is room, as this transaction sees it."""
    [(left,)] = await tx.fetch(room.sql, *room.values)
    return left > 0


async def standing(reader: Reader, room: Room) -> Standing:
    """Return why there was no room; by now there may be some again."""
    [row] = await reader.fetch(
        _STANDING,
        *room.values,
    )
    cool_at, ends_at = row["cool_at"], row["first_ends_at"]
    return Standing(
        cools_down_ms=None if cool_at is None else cool_at - row["now"],
        room=row["of_all"],
        room_of_key=row["of_key"],
        first_ends_ms=0 if ends_at is None else ends_at - row["now"],
    )
