"""The tree's tiles, one row each."""

from collections.abc import Iterable, Mapping

from cosignet.core.tile import Tile
from cosignet.server.store.db import Reader, SqlValue, Transaction

READ_AT_ONCE = 32
_ONE = "SELECT level, number, hashes FROM log_tiles WHERE "


async def get(reader: Reader, tiles: Iterable[Tile]) -> dict[Tile, bytes]:
    """Return the bytes of those tiles that are there, as far as they have grown."""
    wanted = sorted(tiles)
    found: dict[Tile, bytes] = {}
    for start in range(0, len(wanted), READ_AT_ONCE):
        some = wanted[start : start + READ_AT_ONCE]
        places = [f"(level = ${2 * n + 1} AND number = ${2 * n + 2})" for n in range(len(some))]
        values: list[SqlValue] = [number for tile in some for number in tile]
        rows = await reader.fetch(_ONE + " OR ".join(places), *values)
        found |= {Tile(row["level"], row["number"]): row["hashes"] for row in rows}
    return found


async def put(tx: Transaction, tiles: Mapping[Tile, bytes]) -> bool:
    """Store tiles that are new or have grown; whether all of them were shorter before."""
    changed = 0
    for tile, hashes in tiles.items():
        changed += await tx.execute(
            "INSERT INTO log_tiles (level, number, hashes) VALUES ($1, $2, $3)"
            " ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes"
            " WHERE length(log_tiles.hashes) < length(excluded.hashes)",
            tile.level,
            tile.number,
            hashes,
        )
    return changed == len(tiles)
