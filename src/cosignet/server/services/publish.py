"""Publishing: what was sequenced is read again, checked by a second path, signed, and only then
served. Nothing that was held in memory while sequencing is used.

A head that was signed can never be taken back, so whatever looks wrong stops here.
"""

from dataclasses import dataclass

from cosignet.core.checkpoint import Checkpoint
from cosignet.core.errors import Unavailable
from cosignet.core.log_errors import EvidenceRefused, LogRefuses
from cosignet.core.merkle import EMPTY_ROOT, fold, grown_peaks, leaf_hash, verify_consistency
from cosignet.core.note import NoteSignature, format_note, parse_note, verify_note
from cosignet.core.tile import edge_of, grow, width_of
from cosignet.server import tree
from cosignet.server.runtime import Runtime
from cosignet.server.secret import SigningKey, check_ed25519
from cosignet.server.store import leaves, log_heads, log_keys, log_state, log_tiles
from cosignet.server.store.log_heads import Head

PUBLISH_MAX = 2_000
"""Leaves between two heads, at most: they are hashed on the event loop, twice."""


@dataclass(frozen=True, slots=True)
class _Last:
    """The tree that the next head has to begin with."""

    size: int
    root: bytes


async def publish(rt: Runtime, epoch: int) -> int:
    """Sign a head over what has been sequenced, if there is anything new; return its leaves.

    Raises:
        LogRefuses: what is stored is not what it should be; nothing was signed.
        Unavailable: another node keeps the log by now, or the database is away.
    """
    state = await log_state.get(rt.database.reader)
    newest = await log_heads.latest(rt.database.reader)
    last = _Last(0, EMPTY_ROOT) if newest is None else _Last(newest.size, newest.root)
    if state.size < last.size:
        raise LogRefuses(f"a head of {last.size} is signed, and the tree has only {state.size}")
    if state.size == last.size or state.frozen_at is not None:
        return 0
    size = min(state.size, last.size + PUBLISH_MAX)
    await tree.require_remembered(rt.database.reader, rt.log, state.size)
    head = await _sign(rt, Checkpoint(rt.log.origin, size, await _checked_root(rt, last, size)))
    # A crash here leaves a signature that nobody has seen.
    rt.log.remembered.write(head.note)
    # A crash here leaves a remembered head that was never served; the tree extends it, as all of
    # its leaves are durable, and the next head is this one again or a larger one.
    async with rt.database.transaction() as tx:
        if not await log_state.hold(tx, epoch):
            raise Unavailable("another node keeps the log by now")
        await log_heads.insert(tx, head)
    # Durable, and served from now on, by every node.
    return size - last.size


async def _checked_root(rt: Runtime, last: _Last, size: int) -> bytes:
    """Return the root that two ways of computing it agree on, consistent with the last head."""
    reader = rt.database.reader
    before = await tree.peaks(reader, last.size)
    if fold(before) != last.root:
        raise LogRefuses(f"the tree of {last.size} is not the one whose head was signed")
    entries = await leaves.entries(reader, last.size, size)
    if len(entries) != size - last.size:
        raise LogRefuses("entries are missing between the last head and the tree's end")
    hashes = [leaf_hash(entry) for entry in entries]
    await _require_tiles(rt, last.size, hashes)
    # The first way uses the tiles and no entries; the second the entries, and no tile of theirs.
    root = await tree.root(reader, size)
    if fold(grown_peaks(last.size, before, hashes)) != root:
        raise LogRefuses("entries and tiles lead to different roots")
    if last.size:
        await _require_consistency(rt, last, Checkpoint(rt.log.origin, size, root))
    return root


async def _require_tiles(rt: Runtime, size: int, hashes: list[bytes]) -> None:
    """See that every tile which the new entries touch holds what it has to, byte for byte."""
    stored = await log_tiles.get(rt.database.reader, edge_of(size))
    edge = {tile: stored.get(tile, b"")[: width_of(tile, size) * 32] for tile in edge_of(size)}
    expected, _ = grow(size, edge, hashes)
    found = await log_tiles.get(rt.database.reader, expected)
    for tile, data in expected.items():
        if found.get(tile, b"")[: len(data)] != data:
            raise LogRefuses(f"tile {tile.number} of level {tile.level} is damaged")


async def _require_consistency(rt: Runtime, last: _Last, head: Checkpoint) -> None:
    proof = await tree.prove_consistency(rt.database.reader, last.size, head.size)
    try:
        verify_consistency(
            first=last.size,
            second=head.size,
            first_root=last.root,
            second_root=head.root,
            proof=proof,
        )
    except EvidenceRefused as refusal:
        raise LogRefuses(f"the tree does not extend the last head: {refusal}") from None


async def _sign(rt: Runtime, head: Checkpoint) -> Head:
    """Sign with every key whose time it is, and verify that as anybody would."""
    now = rt.clock()
    signing = [key for key in await log_keys.list_(rt.database.reader) if key.signs_at(now)]
    lines: list[NoteSignature] = []
    for key in signing:
        name = tree.verifier_key(rt, key)
        seed = rt.sealer.unseal(key.seed_sealed, purpose=tree.LOG_KEY_PURPOSE)
        signature = SigningKey(seed).sign(head.text.encode())
        lines.append(NoteSignature(name.name, name.key_id, signature))
    note = format_note(head.text, lines)
    keys = [tree.verifier_key(rt, key) for key in signing]
    try:
        if len(verify_note(parse_note(note), keys, check_ed25519)) != len(signing):
            raise LogRefuses("not every key of the log has signed")
    except EvidenceRefused as refusal:
        raise LogRefuses(f"the log's own signature does not verify: {refusal}") from None
    return Head(head.size, head.root, note, now)
