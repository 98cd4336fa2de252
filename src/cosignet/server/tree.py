"""What several services need of the log: its tiles, its newest head, its keys, and what it may do.

Tiles are read as they are stored, each time anew.
"""

from collections.abc import Sequence

from cosignet.core.checkpoint import Checkpoint, parse_checkpoint
from cosignet.core.log_errors import BeyondTheLog, EvidenceRefused, LogRefuses, NotLogged
from cosignet.core.merkle import (
    Subtree,
    consistency_subtrees,
    hashes_over,
    inclusion_subtrees,
    root_subtrees,
)
from cosignet.core.note import VerifierKey, parse_note
from cosignet.core.tile import TileHashes, tiles_of
from cosignet.server.runtime import LogGate, Runtime
from cosignet.server.store import log_heads, log_keys, log_tiles
from cosignet.server.store.db import Reader
from cosignet.server.store.log_heads import Head
from cosignet.server.store.log_keys import LogKey

LOG_KEY_PURPOSE = "log-key"


async def hashes(reader: Reader, groups: Sequence[Sequence[Subtree]]) -> list[bytes]:
    """Return one hash for each group of subtrees, from the tiles as they are stored.

    Raises:
        LogRefuses: a tile is missing or too short.
        Unavailable.
    """
    tiles = TileHashes(await log_tiles.get(reader, tiles_of(groups)))
    try:
        return hashes_over(groups, tiles)
    except EvidenceRefused as refusal:
        raise LogRefuses(f"the stored tiles are damaged: {refusal}") from None


async def peaks(reader: Reader, size: int) -> list[bytes]:
    """Return the hashes that the root of a size is folded from."""
    return await hashes(reader, [[one] for one in root_subtrees(size)])


async def root(reader: Reader, size: int) -> bytes:
    """Return the root of the first `size` leaves."""
    [found] = await hashes(reader, [root_subtrees(size)])
    return found


async def prove_inclusion(reader: Reader, index: int, size: int) -> list[bytes]:
    """Return the proof that a leaf is in the tree of a size."""
    return await hashes(reader, inclusion_subtrees(index, size))


async def prove_consistency(reader: Reader, first: int, second: int) -> list[bytes]:
    """Return the proof that one tree begins with another."""
    return await hashes(reader, consistency_subtrees(first, second))


async def head(reader: Reader) -> Head:
    """Return the newest head that was signed.

    Raises:
        NotLogged: nothing was.
    """
    found = await log_heads.latest(reader)
    if found is None:
        raise NotLogged("the log is empty")
    return found


async def require_size(reader: Reader, size: int) -> Head:
    """Return the newest head, if it is that large.

    Raises:
        BeyondTheLog: it is not.
    """
    found = await log_heads.latest(reader)
    if found is None or size > found.size:
        raise BeyondTheLog
    return found


def verifier_key(rt: Runtime, key: LogKey) -> VerifierKey:
    """Return a key of the log as others verify with it."""
    return VerifierKey(rt.log.origin, key.public_key)


async def verifier_keys(rt: Runtime) -> list[VerifierKey]:
    """Return all keys of the log, oldest first."""
    return [verifier_key(rt, key) for key in await log_keys.list_(rt.database.reader)]


async def require_remembered(reader: Reader, log: LogGate, size: int) -> None:
    """Let a log go on if its tree of `size` leaves extends the head that this node remembers.

    Raises:
        LogRefuses: it does not, or this node remembers nothing of a log that has signed heads.
    """
    note = log.remembered.read()
    if note is None:
        if await log_heads.latest(reader) is not None:
            raise LogRefuses(
                f"{log.remembered.path} is missing, and with it the proof that this database "
                "is no old copy. Put it back; or, if the database is the newest there is, run "
                "`cosignet log verify --remember`."
            )
        return
    remembered = _remembered(log, note)
    if remembered.size > size or await root(reader, remembered.size) != remembered.root:
        raise LogRefuses(
            f"This database is not the one whose log reached {remembered.size} entries: it is an "
            "older copy, or another one. Restore the newest. If it is lost, so are the entries: "
            "`cosignet log verify --remember` goes on from here, and whoever saw the lost ones "
            "can prove it."
        )


def _remembered(log: LogGate, note: str) -> Checkpoint:
    try:
        found = parse_checkpoint(parse_note(note).text)
    except EvidenceRefused:
        raise LogRefuses(f"{log.remembered.path} is damaged. Put it back.") from None
    if found.origin != log.origin:
        raise LogRefuses(
            f"{log.remembered.path} belongs to {found.origin}, and this log is "
            f"{log.origin}. Use the data directory that belongs to this database."
        )
    return found
