"""Organisations: whose everything is."""

from dataclasses import dataclass, field

from cosignet.server.store.db import Reader, Row, Transaction

_SELECT = "SELECT id, slug, name, monitor_key_sealed, logged FROM organisations"


@dataclass(frozen=True, slots=True)
class Organisation:
    """A tenant."""

    id: str
    slug: str
    name: str
    monitor_key_sealed: bytes = field(repr=False)
    logged: bool
    """Whether its decisions and credentials go to the log."""


async def insert(tx: Transaction, organisation: Organisation) -> None:
    """Store an organisation, unless its slug is there already."""
    await tx.execute(
        "INSERT INTO organisations (id, slug, name, monitor_key_sealed, logged, created_at)"
        " VALUES ($1, $2, $3, $4, $5, clock_ms()) ON CONFLICT (slug) DO NOTHING",
        organisation.id,
        organisation.slug,
        organisation.name,
        organisation.monitor_key_sealed,
        organisation.logged,
    )


async def get(reader: Reader, organisation_id: str) -> Organisation | None:
    """Return an organisation by id."""
    return await _one(reader, "id", organisation_id)


async def by_slug(reader: Reader, slug: str) -> Organisation | None:
    """Return an organisation by slug."""
    return await _one(reader, "slug", slug)


async def claim_first_key(tx: Transaction, organisation_id: str, key_id: str) -> bool:
    """Note which key is an organisation's first; whether it has, and had, none before."""
    changed = await tx.execute(
        "UPDATE organisations SET first_key_id = $2 WHERE id = $1 AND first_key_id IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM api_keys k WHERE k.organisation_id = $1)",
        organisation_id,
        key_id,
    )
    return changed == 1


async def replace_first_key(
    tx: Transaction, organisation_id: str, key_id: str, *, instead_of: str
) -> bool:
    """Note that another key is the first; whether the one before was still that."""
    changed = await tx.execute(
        "UPDATE organisations SET first_key_id = $2 WHERE id = $1 AND first_key_id = $3",
        organisation_id,
        key_id,
        instead_of,
    )
    return changed == 1


async def _one(reader: Reader, column: str, value: str) -> Organisation | None:
    sql = {
        "id": _SELECT + " WHERE id = $1",
        "slug": _SELECT + " WHERE slug = $1",
    }[column]
    return await reader.find(_organisation, sql, value)


def _organisation(row: Row) -> Organisation:
    return Organisation(
        id=row["id"],
        slug=row["slug"],
        name=row["name"],
        monitor_key_sealed=row["monitor_key_sealed"],
        logged=bool(row["logged"]),
    )
