"""Rotating: an API key goes on with another secret, and stays the requester that it was."""

from dataclasses import replace

from cosignet.core.access import ApiKey, MintedKey
from cosignet.core.access_errors import KeyRevoked
from cosignet.core.errors import NotFound
from cosignet.core.idempotency import Keeping
from cosignet.server.ledger import keep_answer
from cosignet.server.runtime import Runtime
from cosignet.server.secret import PREFIX_CHARACTERS, SECRET_BYTES, digest, mint_api_key
from cosignet.server.store import api_keys, installation, old_secrets


async def rotate(
    rt: Runtime,
    organisation_id: str,
    key_id: str,
    *,
    overlap_seconds: int,
    keeping: Keeping[MintedKey] | None = None,
) -> MintedKey:
    """Give a key another secret; those before go on for `overlap_seconds` at most.

    Raises:
        NotFound: the organisation has no such key.
        KeyRevoked: it was ended, for ever.
        IdempotencyInProgress: the same request has rotated it already.
    """
    secret = mint_api_key(rt.random(SECRET_BYTES))
    async with rt.database.transaction() as tx:
        found = await api_keys.get(tx, organisation_id, key_id)
        if found is None:
            raise NotFound
        now = await installation.now(tx)
        minted = MintedKey(_rotated(found, secret, now, overlap_seconds), secret)
        # Before the lock: a twin that had the lock would wait for this row, and we for the lock.
        await keep_answer(tx, keeping, minted)
        # Two at once would both replace the same secret.
        await tx.lock("api_keys", key_id)
        if not await old_secrets.replace(tx, minted.key, key_hash=digest(secret)):
            raise KeyRevoked
    return minted


def _rotated(key: ApiKey, secret: str, now: int, overlap_seconds: int) -> ApiKey:
    return replace(
        key,
        prefix=secret[:PREFIX_CHARACTERS],
        rotated_at=now,
        old_secret_ends_at=now + overlap_seconds * 1000,
    )
