"""How the tree is laid out for readers: tiles of 256 hashes, bundles of 256 entries.

As C2SP tlog-tiles says (c2sp.org/tlog-tiles). Tile `n` of level `l` holds the hashes of the
subtrees of level 8·l from number 256·n on; what lies between two levels is hashed when needed.
A tile that is not full yet is a prefix of the one it becomes.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from cosignet.core.log_errors import EvidenceRefused
from cosignet.core.merkle import HASH_BYTES, Subtree, fold_complete, row_above

TILE_WIDTH = 256
TILE_HEIGHT = 8
"""2^8 is the width."""
_TILE_BYTES = TILE_WIDTH * HASH_BYTES
_TILES_REMEMBERED = 256
"""With what is hashed over each of them: 4 MiB."""
_LEVEL_MAX = 63
_LENGTH_BYTES = 2
_GROUP = 1000
_NAME = re.compile(
    r"(?P<level>entries|0|[1-9][0-9]?)/(?P<number>(?:x[0-9]{3}/){0,6}[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


class Tile(NamedTuple):
    """Which tile; bundles of entries are numbered like tiles of level 0."""

    level: int
    number: int


class TileName(NamedTuple):
    """What a reader asks for: a tile, or a bundle of entries, and how much of it."""

    level: int | None
    """None: entries."""
    number: int
    width: int


def tile_of(subtree: Subtree) -> Tile:
    """Return the tile that a subtree's hash is in, or is hashed from."""
    level = subtree.level // TILE_HEIGHT
    first = subtree.number << (subtree.level % TILE_HEIGHT)
    return Tile(level, first // TILE_WIDTH)


def tiles_of(groups: Iterable[Iterable[Subtree]]) -> set[Tile]:
    """Return all tiles that are needed to hash these groups."""
    return {tile_of(subtree) for group in groups for subtree in group}


def width_of(tile: Tile, size: int) -> int:
    """Return how many hashes a tile has in a tree of `size` leaves."""
    hashes = size >> (TILE_HEIGHT * tile.level)
    return max(0, min(TILE_WIDTH, hashes - tile.number * TILE_WIDTH))


def edge_of(size: int) -> list[Tile]:
    """Return the tiles that are not full yet in a tree of `size` leaves, lowest level first."""
    levels = range(-(-size.bit_length() // TILE_HEIGHT))
    tiles = [Tile(level, (size >> TILE_HEIGHT * level) // TILE_WIDTH) for level in levels]
    return [tile for tile in tiles if width_of(tile, size)]


def grow(
    size: int, edge: Mapping[Tile, bytes], leaves: Sequence[bytes]
) -> tuple[dict[Tile, bytes], dict[Tile, bytes]]:
    """Return the tiles that change when leaves are added, given by their hashes; and the new edge.

    `edge` holds the bytes of `edge_of(size)`.
    """
    changed: dict[Tile, bytes] = {}
    after = dict(edge)
    hashes, level = leaves, 0
    while hashes:
        number = (size >> TILE_HEIGHT * level) // TILE_WIDTH
        data = after.pop(Tile(level, number), b"") + b"".join(hashes)
        cut = [data[at : at + _TILE_BYTES] for at in range(0, len(data), _TILE_BYTES)]
        changed |= {Tile(level, number + at): tile for at, tile in enumerate(cut)}
        full = [tile for tile in cut if len(tile) == _TILE_BYTES]
        if len(full) < len(cut):
            after[Tile(level, number + len(full))] = cut[-1]
        hashes, level = [fold_complete(tile) for tile in full], level + 1
    return changed, after


class TileHashes:
    """Hashes of subtrees, made from tiles that were read before."""

    def __init__(self, tiles: Mapping[Tile, bytes]) -> None:
        """Take the tiles' bytes; each may be longer than what will be asked for."""
        self._tiles = tiles

    def __call__(self, subtree: Subtree) -> bytes:
        """Return a subtree's hash.

        Raises:
            EvidenceRefused: a tile is not there, or too short.
        """
        row = subtree.level % TILE_HEIGHT
        at = subtree.number % (TILE_WIDTH >> row) * HASH_BYTES
        rows = _rows(self._tiles.get(tile_of(subtree), b""))
        found = rows[row][at : at + HASH_BYTES]
        if len(found) != HASH_BYTES:
            raise EvidenceRefused(f"hashes of {subtree} are missing in their tile")
        return found


@lru_cache(_TILES_REMEMBERED)
def _rows(hashes: bytes) -> tuple[bytes, ...]:
    """Return a tile's hashes, those over each two of them, over each four, up to its height.

    Proofs that share a tile hash it once. It is known again by all of its bytes: one that has grown
    or was damaged is another one.
    """
    rows = [hashes]
    while len(rows) < TILE_HEIGHT:
        rows.append(row_above(rows[-1]))
    return tuple(rows)


def tile_name(name: str) -> TileName:
    """Read what follows `tile/` in an address, such as `0/x001/234.p/17` or `entries/000`.

    Raises:
        ValueError: it is in no other than this one spelling, or beyond every tree.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise ValueError("not the name of a tile")
    level = None if match["level"] == "entries" else int(match["level"])
    number = int(match["number"].replace("x", "").replace("/", ""))
    width = int(match["width"] or TILE_WIDTH)
    found = TileName(level, number, width)
    # Leading groups of zeros, and a part that is the whole, are second spellings.
    if (level or 0) > _LEVEL_MAX or width > TILE_WIDTH or format_tile_name(found) != name:
        raise ValueError("not the name of a tile")
    return found


def format_tile_name(tile: TileName) -> str:
    """Write what follows `tile/` in an address."""
    groups = [f"{tile.number % _GROUP:03d}"]
    rest = tile.number // _GROUP
    while rest:
        groups.insert(0, f"x{rest % _GROUP:03d}")
        rest //= _GROUP
    level = "entries" if tile.level is None else str(tile.level)
    part = "" if tile.width == TILE_WIDTH else f".p/{tile.width}"
    return f"{level}/{'/'.join(groups)}{part}"


def pack_entries(entries: Iterable[bytes]) -> bytes:
    """Write entries as a bundle: each behind its length in two bytes."""
    return b"".join(len(one).to_bytes(_LENGTH_BYTES, "big") + one for one in entries)


def unpack_entries(bundle: bytes) -> Sequence[bytes]:
    """Read a bundle of entries.

    Raises:
        EvidenceRefused: it ends within an entry.
    """
    found: list[bytes] = []
    at = 0
    while at < len(bundle):
        start = at + _LENGTH_BYTES
        at = start + int.from_bytes(bundle[at:start], "big")
        if at > len(bundle) or start > len(bundle):
            raise EvidenceRefused("a bundle of entries ends within one")
        found.append(bundle[start:at])
    return found
