"""Leaves of the transparency log, pending until the sequencer numbers them."""

from dataclasses import dataclass, field

from cosignet.server.store.db import Transaction


@dataclass(frozen=True, slots=True)
class NewLeaf:
    """A leaf about to be recorded with what it tells of. `created_at` is unix milliseconds."""

    organisation_id: str
    subject: str
    kind: str
    entry: bytes
    opening: str = field(repr=False)
    created_at: int


async def insert(tx: Transaction, leaf: NewLeaf) -> bool:
    """Record a leaf; whether its subject had none of this kind yet."""
    changed = await tx.execute(
        "INSERT INTO leaves (organisation_id, subject, kind, entry, opening, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (subject, kind) DO NOTHING",
        leaf.organisation_id,
        leaf.subject,
        leaf.kind,
        leaf.entry,
        leaf.opening,
        leaf.created_at,
    )
    return changed == 1
