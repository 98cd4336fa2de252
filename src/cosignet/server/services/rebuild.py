"""Rebuilding the whole log from its entries, to see that nothing was changed; copying, stopping it.

Entries lead to tiles, tiles and entries to roots, roots to every head that was ever signed.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from cosignet.core.checkpoint import parse_checkpoint
from cosignet.core.log_errors import EvidenceRefused, LogRefuses
from cosignet.core.merkle import HASH_BYTES, fold, grown_peaks, leaf_hash
from cosignet.core.note import VerifierKey, parse_note, verify_note
from cosignet.core.tile import (
    TILE_WIDTH,
    Tile,
    TileName,
    format_tile_name,
    grow,
    pack_entries,
    width_of,
)
from cosignet.server import tree
from cosignet.server.runtime import Runtime
from cosignet.server.secret import check_ed25519
from cosignet.server.store import leaves, log_heads, log_state, log_tiles
from cosignet.server.store.log_heads import Head

PAGE = 16 * TILE_WIDTH
"""Entries that are read at once."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was found in order."""

    size: int
    heads: int
    newest: Head | None


class _Growing:
    """The tree as it grows from nothing but entries."""

    def __init__(self, rt: Runtime) -> None:
        self._rt = rt
        self.size = 0
        self._edge: dict[Tile, bytes] = {}
        self._peaks: list[bytes] = []

    @property
    def root(self) -> bytes:
        return fold(self._peaks)

    async def to(self, size: int) -> None:
        """Add entries up to a size, and hold every tile that changes against the stored one."""
        while self.size < size:
            end = min(size, self.size + PAGE)
            found = await leaves.entries(self._rt.database.reader, self.size, end)
            if len(found) != end - self.size:
                raise LogRefuses(f"entries are missing between {self.size} and {end}")
            hashes = [leaf_hash(entry) for entry in found]
            tiles, self._edge = grow(self.size, self._edge, hashes)
            self._peaks = grown_peaks(self.size, self._peaks, hashes)
            self.size = end
            await self._compare(tiles)

    async def _compare(self, tiles: dict[Tile, bytes]) -> None:
        stored = await log_tiles.get(self._rt.database.reader, tiles)
        for tile, data in tiles.items():
            if stored.get(tile, b"")[: len(data)] != data:
                raise LogRefuses(f"tile {tile.number} of level {tile.level} is damaged")


async def rebuild(rt: Runtime) -> Rebuilt:
    """Rebuild the log and compare everything.

    Raises:
        LogRefuses: something is not what it has to be; says what.
    """
    keys = await tree.verifier_keys(rt)
    growing, count, newest = _Growing(rt), 0, None
    async for head in _heads(rt):
        await growing.to(head.size)
        if growing.root != head.root:
            raise LogRefuses(f"the head of {head.size} entries has another root")
        _verify_head(rt, head, keys)
        count, newest = count + 1, head
    await growing.to((await log_state.get(rt.database.reader)).size)
    return Rebuilt(growing.size, count, newest)


async def _heads(rt: Runtime) -> AsyncGenerator[Head]:
    above = 0
    while found := await log_heads.after(rt.database.reader, above, 1_000):
        for head in found:
            yield head
        above = found[-1].size


def _verify_head(rt: Runtime, head: Head, keys: list[VerifierKey]) -> None:
    try:
        note = parse_note(head.note)
        verify_note(note, keys, check_ed25519)
        said = parse_checkpoint(note.text)
    except EvidenceRefused as refusal:
        raise LogRefuses(f"the head of {head.size} entries is damaged: {refusal}") from None
    if (said.origin, said.size, said.root) != (rt.log.origin, head.size, head.root):
        raise LogRefuses(f"the head of {head.size} entries says something else")


async def remember(rt: Runtime, rebuilt: Rebuilt) -> None:
    """Let this node go on from here: what it remembered before is forgotten.

    Only for an operator who knows that the database is the newest there is.
    """
    if rebuilt.newest is not None:
        rt.log.remembered.write(rebuilt.newest.note)


async def freeze(rt: Runtime, *, frozen: bool) -> bool:
    """Stop the log on all nodes, or let it go on; whether that changed anything."""
    async with rt.database.transaction() as tx:
        return await log_state.freeze(tx, frozen=frozen)


async def files(rt: Runtime) -> AsyncGenerator[tuple[str, bytes]]:
    """Yield the log as the files that any web server can serve: C2SP's paths and their bytes.

    Raises:
        NotLogged: the log is empty.
    """
    head = await tree.head(rt.database.reader)
    level = 0
    while head.size >> 8 * level:
        for number in range(-(-(head.size >> 8 * level) // TILE_WIDTH)):
            place = Tile(level, number)
            width = width_of(place, head.size)
            stored = (await log_tiles.get(rt.database.reader, [place])).get(place, b"")
            name = format_tile_name(TileName(level, number, width))
            yield f"tile/{name}", stored[: width * HASH_BYTES]
            if level == 0:
                start = number * TILE_WIDTH
                found = await leaves.entries(rt.database.reader, start, start + width)
                name = format_tile_name(TileName(None, number, width))
                yield f"tile/{name}", pack_entries(found)
        level += 1
    keys = await tree.verifier_keys(rt)
    yield "key", "".join(f"{key.text}\n" for key in keys).encode()
    # Last, so that whoever sees it finds everything that it covers.
    yield "checkpoint", head.note.encode()
