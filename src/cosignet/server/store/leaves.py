"""Leaves of the transparency log, pending until the sequencer numbers them."""

from dataclasses import dataclass, field

from cosignet.core.leaf import ENTRY_BYTES_MAX
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


def append(tx: Transaction, leaf: NewLeaf) -> None:
    """Record a leaf. A subject has one of each kind: a second one lets no transaction succeed.

    Raises:
        ValueError: its entry is larger than any log takes; nothing may be decided with it.
    """
    if len(leaf.entry) > ENTRY_BYTES_MAX:
        raise ValueError(f"a log entry of {len(leaf.entry)} bytes")
    tx.append(
        "INSERT INTO leaves (organisation_id, subject, kind, entry, opening, created_at)",
        leaf.organisation_id,
        leaf.subject,
        leaf.kind,
        leaf.entry,
        leaf.opening,
        leaf.created_at,
    )
