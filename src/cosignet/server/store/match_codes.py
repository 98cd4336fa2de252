"""Match codes of high-risk confirmations, and how often somebody picked a wrong one."""

from cosignet.core.match_code import MATCH_CODE_WAIT_MS, MatchCode
from cosignet.server.store.db import Reader, Transaction


async def insert(
    tx: Transaction, match: MatchCode, *, confirmation_id: str, organisation_id: str
) -> None:
    """Store the code and the choices of a new confirmation."""
    await tx.execute(
        "INSERT INTO match_codes (confirmation_id, organisation_id, code, choices)"
        " VALUES ($1, $2, $3, $4)",
        confirmation_id,
        organisation_id,
        match.code,
        " ".join(match.choices),
    )


async def pick(tx: Transaction, confirmation_id: str, code: str) -> bool | None:
    """Look at one pick and count it if it is wrong; whether it is right.

    One statement, so that of many picks at once the first wrong one ends the looking: nobody
    tries two codes in parallel. None: it was not looked at, because a wrong one was picked a
    moment ago, or the confirmation can no longer be decided.
    """
    row = await tx.fetch_one(
        "UPDATE match_codes SET"
        " wrong_picks = wrong_picks + CASE WHEN code = $2 THEN 0 ELSE 1 END,"
        " wrong_pick_at = CASE WHEN code = $2 THEN wrong_pick_at ELSE clock_ms() END"
        " WHERE confirmation_id = $1"
        # A clock that was set back must not make anybody wait longer.
        " AND (wrong_pick_at IS NULL OR wrong_pick_at > clock_ms()"
        "  OR wrong_pick_at <= clock_ms() - $3)"
        " AND EXISTS (SELECT 1 FROM confirmations c WHERE c.id = $1"
        "  AND c.status = 'pending' AND c.expires_at > clock_ms())"
        " RETURNING code = $2 AS is_right",
        confirmation_id,
        code,
        MATCH_CODE_WAIT_MS,
    )
    return None if row is None else bool(row["is_right"])


async def wait_ms(reader: Reader, confirmation_id: str) -> int:
    """Return for how many milliseconds more no pick is looked at; 0 if the next one is."""
    row = await reader.fetch_one(
        "SELECT wrong_pick_at + $2 - clock_ms() AS left_ms FROM match_codes"
        " WHERE confirmation_id = $1 AND wrong_pick_at <= clock_ms()",
        confirmation_id,
        MATCH_CODE_WAIT_MS,
    )
    return 0 if row is None else max(0, row["left_ms"])
