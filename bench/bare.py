"""A bare server: what the contract asks of a creation and of an approval, and nothing around it.

    python -m bench.bare PORT FOLDER DATABASE ORIGIN

No key, limit, refusal of its own, header, webhook or log stands around it, and nothing else reads
its tables. What it reaches of a floor is what a goal leaves to a server in Python at all. People
and passkeys are those of Cosignet's DATABASE; what is asked and decided here is kept in FOLDER.
"""

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

import apsw
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cosignet.core.access import Approver
from cosignet.core.challenge import Context, challenge, context_hash
from cosignet.core.encoding import base64url, rfc3339
from cosignet.core.jsontext import parse_json, write_json
from cosignet.core.leaf import SignedBy, assertion_hash, decision_opening, entry
from cosignet.core.payload import canonical_payload, payload_hash
from cosignet.server.app import now_ms, uvicorn_for
from cosignet.server.secret import Randomness
from cosignet.server.store import approvers, credentials, organisations
from cosignet.server.store.credentials import StoredCredential
from cosignet.server.store.sqlite import SqliteDatabase
from cosignet.server.webauthn import (
    RelyingParty,
    parse_assertion,
    request_options,
    verify_assertion,
)

MONITOR_KEY = bytes(32)
PROMPT_MS = 300_000
SALT_BYTES = 32
_SCHEMA = """
CREATE TABLE confirmations (id TEXT PRIMARY KEY, approver_id TEXT, action TEXT, payload TEXT,
    payload_hash BLOB, context TEXT, reject_context TEXT, status TEXT, created_at BIGINT,
    expires_at BIGINT, decided_at BIGINT, evidence_id TEXT);
CREATE TABLE signatures (confirmation_id TEXT PRIMARY KEY, credential_id TEXT, context_hash BLOB,
    raw_assertion TEXT, assertion_hash BLOB, signed_at BIGINT);
CREATE TABLE leaves (subject TEXT PRIMARY KEY, entry BLOB, opening TEXT, created_at BIGINT);
"""
_INSERT = (
    "INSERT INTO confirmations (id, approver_id, action, payload, payload_hash, context,"
    " reject_context, status, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_FIND = "SELECT approver_id, payload_hash, context FROM confirmations WHERE id = ?"
_APPROVE = (
    "UPDATE confirmations SET status = 'approved', decided_at = ?1, evidence_id = ?2"
    " WHERE id = ?3 AND status = 'pending' AND expires_at > ?1"
)
_SIGN = "INSERT INTO signatures VALUES (?, ?, ?, ?, ?, ?)"
_LOG = "INSERT INTO leaves VALUES (?, ?, ?, ?)"
Row: TypeAlias = tuple[str | int | bytes, ...]


class Store:
    """One file; who comes while a commit runs shares the next one."""

    def __init__(self, path: Path) -> None:
        self._writer = _connection(path)
        self._writer.execute(_SCHEMA)
        self.reader = _connection(path)
        self._thread = ThreadPoolExecutor(1)
        self._rows: list[Row] = []
        self._free = asyncio.Event()
        self._free.set()
        self._synced: asyncio.Future[None] | None = None
        self._commits: set[asyncio.Task[None]] = set()

    async def insert(self, row: Row) -> None:
        """Insert a confirmation, durably; those that come together go in together."""
        self._rows.append(row)
        await self._shared()

    async def change(self, work: Callable[[apsw.Connection], None]) -> None:
        """Let something change the file, durably."""
        await self._free.wait()
        if not self._writer.in_transaction:
            self._writer.execute("BEGIN IMMEDIATE")
        work(self._writer)
        await self._shared()

    def _shared(self) -> asyncio.Future[None]:
        if self._synced is None:
            self._synced = asyncio.get_running_loop().create_future()
            commit = asyncio.create_task(self._commit())
            self._commits.add(commit)
            commit.add_done_callback(self._commits.discard)
        return self._synced

    async def _commit(self) -> None:
        await self._free.wait()
        await asyncio.sleep(0)  # those who waited for the same go first
        synced, self._synced = self._synced, None
        rows, self._rows = self._rows, []
        self._free.clear()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._write, rows)
        self._free.set()
        cast("asyncio.Future[None]", synced).set_result(None)

    def _write(self, rows: list[Row]) -> None:
        if not self._writer.in_transaction:
            self._writer.execute("BEGIN IMMEDIATE")
        if rows:
            self._writer.executemany(_INSERT, rows)
        self._writer.execute("COMMIT")


@dataclass(frozen=True, slots=True)
class Bare:
    """The routes."""

    store: Store
    relying_party: RelyingParty
    people: dict[str, Approver]
    """By username."""
    passkeys: dict[bytes, StoredCredential]
    """By WebAuthn's id."""
    random: Randomness

    async def create(self, request: Request) -> Response:
        """Read strictly, write the canonical payload and both contexts, keep a row."""
        body = cast(dict[str, Any], parse_json(await request.body()))
        payload = canonical_payload(body["payload"])
        now = now_ms()
        context = self._context(body, now)
        texts = context.texts(base64url(self.random(SALT_BYTES)))
        await self.store.insert(
            (
                context.confirmation,
                context.approver_id,
                context.action,
                payload,
                payload_hash(payload),
                *texts,
                "pending",
                now,
                now + body["ttlSeconds"] * 1000,
            )
        )
        answer = f'{{"id":"{context.confirmation}","status":"pending"}}'
        return Response(answer, 201, media_type="application/json")

    async def options(self, request: Request) -> Response:
        """Say what is to be signed; not measured."""
        _, hashed, context = self._find(request)
        signing = challenge(purpose="approve", context_text=context, payload_hash=hashed)
        asked = request_options(self.relying_party, challenge=signing, timeout_ms=PROMPT_MS)
        return Response(json.dumps(asked), media_type="application/json")

    async def approve(self, request: Request) -> Response:
        """Read strictly, make every check of WebAuthn, and keep decision, signature and leaf."""
        value = cast(dict[str, Any], parse_json(await request.body()))["credential"]
        id_ = request.path_params["id"]
        approver_id, hashed, context = self._find(request)
        parsed = parse_assertion(value)
        passkey = self.passkeys[parsed.credential_id]
        verified = verify_assertion(
            parsed,
            expected_challenge=challenge(
                purpose="approve", context_text=context, payload_hash=hashed
            ),
            relying_party=self.relying_party,
            credential=passkey.webauthn,
            expected_approver_id=approver_id,
        )
        signed = SignedBy(
            context_hash=context_hash(context),
            credential_key_hash=hashlib.sha256(passkey.public_key_spki).digest(),
            assertion_hash=assertion_hash(
                client_data_json=verified.client_data_json,
                authenticator_data=verified.authenticator_data,
                signature=verified.signature,
            ),
        )
        raw, evidence_id = write_json(value), self._new_id()

        def decide(connection: apsw.Connection) -> None:
            now = now_ms()
            connection.execute(_APPROVE, (now, evidence_id, id_))
            assert connection.changes() == 1
            hashes = (signed.context_hash, raw, signed.assertion_hash)
            connection.execute(_SIGN, (id_, passkey.row_id, *hashes, now))
            opening = decision_opening(
                kind="approval",
                salt=self.random(SALT_BYTES),
                evidence_id=evidence_id,
                payload_hash=hashed,
                decided_at=now,
                signatures=[signed],
            )
            leaf = entry(opening=opening, at=now, monitor_key=MONITOR_KEY)
            connection.execute(_LOG, (id_, leaf, opening, now))

        await self.store.change(decide)
        answer = f'{{"status":"approved","evidenceId":"{evidence_id}"}}'
        return Response(answer, media_type="application/json")

    async def healthz(self, _: Request) -> Response:
        """Say that it is up."""
        return Response(b"{}", media_type="application/json")

    @property
    def application(self) -> Starlette:
        """The application, with the routes that it needs."""
        page = "/confirm/{id}/"
        routes = [
            Route("/healthz", self.healthz),
            Route("/api/confirmations", self.create, methods=["POST"]),
            Route(page + "options", self.options, methods=["POST"]),
            Route(page + "approve", self.approve, methods=["POST"]),
        ]
        return Starlette(routes=routes)

    def _find(self, request: Request) -> tuple[str, bytes, str]:
        return self.store.reader.execute(_FIND, (request.path_params["id"],)).fetchone()

    def _new_id(self) -> str:
        return self.random(16).hex()

    def _context(self, body: dict[str, Any], now: int) -> Context:
        approver = self.people[body["username"]]
        return Context(
            purpose="approve",
            confirmation=self._new_id(),
            org="default",
            action=body["action"],
            approver=approver.username,
            approver_id=approver.id,
            requester="bench",
            requester_key_id="bench",
            rp_id=self.relying_party.id,
            origin=self.relying_party.origin,
            created_at=rfc3339(now),
            expires_at=rfc3339(now + body["ttlSeconds"] * 1000),
            quorum=1,
            policy=None,
            risk="normal",
            reveal=False,
            salt=base64url(self.random(SALT_BYTES)),
        )


def _connection(path: Path) -> apsw.Connection:
    opened = apsw.Connection(str(path))
    opened.execute("PRAGMA journal_mode = WAL")
    opened.execute("PRAGMA synchronous = FULL")
    opened.execute("PRAGMA temp_store = MEMORY")
    return opened


async def bare(folder: Path, database: Path, origin: str) -> Bare:
    """Know whom Cosignet knows."""
    theirs = SqliteDatabase(database, clock=now_ms)
    organisation = await organisations.by_slug(theirs.reader, "default")
    assert organisation is not None
    people = await approvers.all_of(theirs.reader, organisation.id)
    passkeys = [
        one for who in people for one in await credentials.of_approver(theirs.reader, who.id)
    ]
    await theirs.close()
    return Bare(
        store=Store(folder / "bare.db"),
        relying_party=RelyingParty("localhost", origin),
        people={who.username: who for who in people},
        passkeys={one.webauthn.id: one for one in passkeys},
        random=Randomness(os.urandom),
    )


def main(port: str, folder: str, database: str, origin: str) -> None:
    """Serve until terminated."""
    served = asyncio.run(bare(Path(folder), Path(database), origin)).application
    uvicorn.Server(uvicorn_for(served, "127.0.0.1", int(port))).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
