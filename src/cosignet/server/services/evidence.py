"""What the log shows to anybody: its heads, tiles and proofs, and the evidence of one decision.

Nothing is shown that no signed head covers, and no proof that was not checked first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from cosignet.core.bundle import Evidence, EvidenceSignature, Placed
from cosignet.core.checkpoint import Checkpoint
from cosignet.core.confirmation import EVIDENCE_KINDS, Confirmation, Status
from cosignet.core.errors import FieldInvalid, NotFound
from cosignet.core.log_errors import BeyondTheLog, LogRefuses, NotLogged, ProofWrong
from cosignet.core.merkle import HASH_BYTES, leaf_hash, verify_consistency, verify_inclusion
from cosignet.core.note import VerifierKey
from cosignet.core.tile import TILE_WIDTH, Tile, pack_entries, tile_name, width_of
from cosignet.server import tree
from cosignet.server.runtime import Runtime
from cosignet.server.store import confirmations, leaves, log_heads, log_tiles, signatures
from cosignet.server.store.log_heads import Head
from cosignet.server.store.signatures import EvidenceOfSignature

HEADS_MAX = 100
"""Heads that are listed at once."""


@dataclass(frozen=True, slots=True)
class PendingEvidence:
    """A leaf that is recorded, and that no head covers yet."""

    evidence_id: str
    kind: str


async def head(rt: Runtime) -> Head:
    """Return the newest head.

    Raises:
        NotLogged: the log is empty.
    """
    return await tree.head(rt.database.reader)


async def heads(rt: Runtime, *, below: int, limit: int) -> list[Head]:
    """Return heads of less than a size, newest first."""
    return await log_heads.before(rt.database.reader, below, limit)


async def keys(rt: Runtime) -> Sequence[VerifierKey]:
    """Return the log's keys, oldest first."""
    return await tree.verifier_keys(rt)


async def tile(rt: Runtime, name: str) -> bytes:
    """Return a tile or a bundle of entries, as wide as its name says.

    Raises:
        NotFound: that is no tile's name.
        BeyondTheLog: no signed head covers that much.
    """
    try:
        wanted = tile_name(name)
    except ValueError:
        raise NotFound from None
    size = (await head(rt)).size
    place = Tile(wanted.level or 0, wanted.number)
    if width_of(place, size) < wanted.width:
        raise BeyondTheLog
    if wanted.level is None:
        data, complete = await _entries(rt, wanted.number, wanted.width)
    else:
        stored = (await log_tiles.get(rt.database.reader, [place])).get(place, b"")
        data = stored[: wanted.width * HASH_BYTES]
        complete = len(data) == wanted.width * HASH_BYTES
    if not complete:
        raise LogRefuses("a stored tile is damaged")
    return data


async def _entries(rt: Runtime, number: int, width: int) -> tuple[bytes, bool]:
    start = number * TILE_WIDTH
    found = await leaves.entries(rt.database.reader, start, start + width)
    return pack_entries(found), len(found) == width


async def prove_inclusion(rt: Runtime, index: int, size: int | None) -> tuple[int, list[bytes]]:
    """Return the size of a tree, the newest by default, and the proof that it has a leaf.

    Raises:
        FieldInvalid: there is no such leaf in a tree of that size.
        BeyondTheLog: no signed head covers that much.
    """
    newest = await tree.require_size(rt.database.reader, size or 0)
    size = newest.size if size is None else size
    if index >= size:
        raise FieldInvalid("less than treeSize", field="index")
    [entry] = await leaves.entries(rt.database.reader, index, index + 1) or [b""]
    root = await _root(rt, newest, size)
    return size, await _prove_inclusion(rt, index, entry, Checkpoint("", size, root))


async def prove_consistency(rt: Runtime, first: int, second: int) -> list[bytes]:
    """Return the proof that the tree of one size begins with that of another.

    Raises:
        FieldInvalid: the first is empty, or the larger one.
        BeyondTheLog: no signed head covers that much.
    """
    if not 0 < first <= second:
        raise FieldInvalid("1 or more, and not more than second", field="first")
    newest = await tree.require_size(rt.database.reader, second)
    proof = await tree.prove_consistency(rt.database.reader, first, second)
    try:
        verify_consistency(
            first=first,
            second=second,
            first_root=await _root(rt, newest, first),
            second_root=await _root(rt, newest, second),
            proof=proof,
        )
    except ProofWrong as refusal:
        raise LogRefuses(f"the stored tiles are damaged: {refusal}") from None
    return proof


async def _root(rt: Runtime, newest: Head, size: int) -> bytes:
    return newest.root if size == newest.size else await tree.root(rt.database.reader, size)


async def _prove_inclusion(rt: Runtime, index: int, entry: bytes, at: Checkpoint) -> list[bytes]:
    """Return a proof that leads from a stored entry to a root; it is checked before."""
    proof = await tree.prove_inclusion(rt.database.reader, index, at.size)
    place = leaf_hash(entry)
    try:
        verify_inclusion(place, index=index, size=at.size, proof=proof, expected_root=at.root)
    except ProofWrong as refusal:
        raise LogRefuses(f"an entry or tile is damaged: {refusal}") from None
    return proof


async def bundle(rt: Runtime, id_: str, kind: str | None) -> Evidence | PendingEvidence:
    """Return all evidence of one leaf of a confirmation, of its decision by default.

    `id_` is the evidence's; the confirmation's own is taken, too, unless it is private.

    Raises:
        FieldInvalid: there is no such kind.
        NotLogged: there is no such leaf.
        LogRefuses: the proof would not hold.
    """
    confirmation = await _confirmation(rt, id_)
    if kind is None:
        kind = "approval" if confirmation.status is Status.APPROVED else "rejection"
    if kind not in EVIDENCE_KINDS:
        raise FieldInvalid(f"one of {', '.join(EVIDENCE_KINDS)}", field="kind")
    evidence_id = confirmation.evidence_id or ""
    newest = await log_heads.latest(rt.database.reader)
    leaf = await leaves.get(rt.database.reader, confirmation.id, kind)
    if leaf is None:
        raise NotLogged
    placed = None if newest is None else await _placed(rt, newest, leaf)
    if newest is None or placed is None:
        return PendingEvidence(evidence_id, kind)
    signed = await _signatures(rt, newest, confirmation) if kind in EVIDENCE_KINDS[:2] else []
    return Evidence(
        evidence_id=evidence_id,
        kind=kind,
        payload_hash=confirmation.payload_hash if signed else None,
        leaf=placed,
        signatures=signed,
        checkpoint=_checkpoint(rt, newest),
        note=newest.note,
        vkeys=[key.text for key in await keys(rt)],
    )


async def _confirmation(rt: Runtime, id_: str) -> Confirmation:
    found = await confirmations.by_evidence(rt.database.reader, id_)
    if found is None:
        found = await confirmations.get(rt.database.reader, id_)
        # Whoever has a private confirmation's link learns nothing from it.
        if found is None or found.private:
            raise NotLogged
    return found


async def _placed(rt: Runtime, newest: Head, leaf: leaves.Leaf) -> Placed | None:
    """Return a leaf with its proof, if the head covers it."""
    if leaf.index is None or leaf.index >= newest.size:
        return None
    at = _checkpoint(rt, newest)
    proof = await _prove_inclusion(rt, leaf.index, leaf.entry, at)
    return Placed(leaf.index, leaf.entry, leaf.opening, proof)


async def _signatures(
    rt: Runtime, newest: Head, confirmation: Confirmation
) -> list[EvidenceSignature]:
    found = await signatures.of_decision(rt.database.reader, confirmation.id)
    return [await _signature(rt, newest, one) for one in found]


async def _signature(rt: Runtime, newest: Head, one: EvidenceOfSignature) -> EvidenceSignature:
    return EvidenceSignature(
        rp_id=rt.relying_party.id,
        origin=rt.relying_party.origin,
        raw_assertion=orjson.Fragment(one.raw_assertion),
        credential_id=one.credential_id,
        algorithm=one.algorithm,
        public_key_spki=one.public_key_spki,
        enrolment=await _about_key(rt, newest, one, "credential"),
        revocation=await _about_key(rt, newest, one, "credential_revoked"),
    )


async def _about_key(
    rt: Runtime, newest: Head, one: EvidenceOfSignature, kind: str
) -> Placed | None:
    leaf = await leaves.get(rt.database.reader, one.credential_row_id, kind)
    return None if leaf is None else await _placed(rt, newest, leaf)


def _checkpoint(rt: Runtime, newest: Head) -> Checkpoint:
    return Checkpoint(rt.log.origin, newest.size, newest.root)
