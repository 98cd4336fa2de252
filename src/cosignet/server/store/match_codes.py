"""Picks of match codes at high risk: whether they are right, and how often they were wrong."""

from cosignet.core.match_code import MATCH_CODE_WAIT_MS
from cosignet.server.store.db import Reader, Transaction


async def pick(tx: Transaction, confirmation_id: str, code: str) -> bool | None:
    """Look at one pick and count it if it is wrong; whether it is right.

    One statement under a lock, which tells the time when it has got it: of many picks at once the
    first wrong one ends the looking, and nobody tries two codes in parallel. None: it was not
    looked at, because a wrong one was picked a moment ago, or the confirmation can no longer be
    decided.
    """
    await tx.lock("confirmations", confirmation_id)
    row = await tx.fetch_one(
        "UPDATE confirmations SET"
        " wrong_picks = wrong_picks + CASE WHEN match_code = $2 THEN 0 ELSE 1 END,"
        " wrong_pick_at = CASE WHEN match_code = $2 THEN wrong_pick_at ELSE clock_ms() END"
        " WHERE id = $1 AND status = 'pending' AND expires_at > clock_ms()"
        # A clock that was set back must not make anybody wait longer.
        " AND (wrong_pick_at IS NULL OR wrong_pick_at > clock_ms()"
        "  OR wrong_pick_at <= clock_ms() - $3)"
        " RETURNING match_code = $2 AS is_right",
        confirmation_id,
        code,
        MATCH_CODE_WAIT_MS,
    )
    return None if row is None else bool(row["is_right"])


async def wait_ms(reader: Reader, confirmation_id: str) -> int:
    """Return for how many milliseconds more no pick is looked at; 0 if the next one is."""
    row = await reader.fetch_one(
        "SELECT wrong_pick_at + $2 - clock_ms() AS left_ms FROM confirmations"
        " WHERE id = $1 AND wrong_pick_at <= clock_ms()",
        confirmation_id,
        MATCH_CODE_WAIT_MS,
    )
    return 0 if row is None else max(0, row["left_ms"])
