"""What leaves an entry besides decisions; the operator's commands; a full log."""

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.bundles import publish_all
from tests.live import Live
from tests.people import JSON, Person, Program, raise_for
from tests.server.logbook import Book, on_log
from tests.server.rows import check, opened
from tests.server.test_log_routes import (
    approved,
    assert_holds,
    code_of,
    get,
)
from tests.server.together import eventually

from cosignet import __version__
from cosignet.core.log_errors import LogFull, LogRefuses
from cosignet.core.note import parse_note, verify_note
from cosignet.core.tile import unpack_entries
from cosignet.server import tree
from cosignet.server.entries import assets_subject
from cosignet.server.runtime import Runtime
from cosignet.server.secret import check_ed25519, digest
from cosignet.server.services import access, assets, log_keys, rebuild
from cosignet.server.store import installation, leaves, log_heads
from cosignet.server.store.db import Reader
from cosignet.server.store.leaves import Leaf
from cosignet.server.web.static_files import fingerprints

TOKEN = "the-token-of-one-run"


def leaf_of(live: Live, subject: str, kind: str) -> Leaf | None:
    return live.run(lambda rt: leaves.get(rt.database.reader, subject, kind))


def opening_of(live: Live, subject: str, kind: str) -> JSON:
    leaf = leaf_of(live, subject, kind)
    assert leaf is not None
    return json.loads(leaf.opening)


def check_rows(live: Live) -> None:
    with opened(live.data_dir / "cosignet.db") as rows:
        check(rows)


# --- Kinds ----------------------------------------------------------------------------------------


def test_an_approval_that_is_used_and_reported_leaves_two_more_entries(
    live: Live, program: Program, alex: Person
) -> None:
    shown = approved(program, alex)
    path = f"/api/confirmations/{shown['id']}"
    for _ in range(2):
        used = raise_for(program.post(f"{path}/consume", {"token": TOKEN}))
    for _ in range(2):
        told = raise_for(program.post(f"{path}/outcome", {"result": "executed"}))
    publish_all(live)
    at = f"entries/{shown['evidenceId']}/verification"
    consumption = assert_holds(raise_for(get(program, at, kind="consumption")), kind="consumption")
    assert list(consumption) == ["v", "kind", "salt", "evidence", "tokenHash", "keyId", "at"]
    assert consumption["evidence"] == shown["evidenceId"]
    assert consumption["tokenHash"] == digest(TOKEN).hex()
    assert consumption["at"] == used["consumedAt"]
    bundle = raise_for(get(program, at, kind="outcome"))
    outcome = assert_holds(bundle, kind="outcome")
    assert list(outcome) == ["v", "kind", "salt", "evidence", "result", "at"]
    assert (outcome["result"], outcome["evidence"]) == ("executed", shown["evidenceId"])
    assert outcome["at"] == told["outcome"]["at"]
    assert (bundle["signatures"], bundle["payloadHash"]) == ([], None)
    check_rows(live)


def test_what_was_refused_leaves_no_entry(live: Live, program: Program, alex: Person) -> None:
    shown = approved(program, alex)
    path = f"/api/confirmations/{shown['id']}"
    assert program.post(f"{path}/outcome", {"result": "failed"}).status_code == 409
    raise_for(program.post(f"{path}/consume", {"token": TOKEN}))
    first = leaf_of(live, shown["id"], "consumption")
    assert program.post(f"{path}/consume", {"token": "another-token-of-a-run"}).status_code == 409
    assert leaf_of(live, shown["id"], "consumption") == first
    assert leaf_of(live, shown["id"], "outcome") is None
    check_rows(live)


def test_a_passkey_that_is_revoked_leaves_an_entry_that_later_evidence_shows(
    live: Live, program: Program
) -> None:
    person = live.newcomer()
    person.practise()
    shown = approved(program, person)
    person.sign_in()
    other = person.add_passkey()
    other.sign_in()
    [row] = live.run(
        lambda rt: rt.database.reader.fetch(
            "SELECT id FROM credentials WHERE credential_id = $1", person.passkey.credential_id
        )
    )
    raise_for(other.revoke_passkey(row["id"]))
    told = opening_of(live, row["id"], "credential_revoked")
    known = opening_of(live, row["id"], "credential")
    assert list(told) == list(known)
    assert told["kind"] == "credential_revoked"
    assert told["proof"] is None
    assert told["at"] > known["at"]
    same = ("org", "approver", "approverId", "credentialId", "credentialKeyHash", "enrolledBy")
    assert [told[name] for name in same] == [known[name] for name in same]
    publish_all(live)
    bundle = raise_for(get(program, f"entries/{shown['evidenceId']}/verification"))
    assert json.loads(bundle["signatures"][0]["revocation"]["opening"]) == told
    check_rows(live)


def test_with_an_approver_all_of_their_passkeys_end_each_with_an_entry(
    live: Live, program: Program
) -> None:
    person = live.newcomer()
    person.practise()
    person.sign_in()
    person.add_passkey()

    async def revoke(rt: Runtime) -> list[str]:
        organisation = await access.default_organisation(rt)
        for _ in range(2):
            await access.revoke_approver(rt, organisation.id, person.username)
        found = await access.list_passkeys(rt, organisation.id, person.username)
        assert all(one.webauthn.revoked for one in found)
        return [one.row_id for one in found]

    rows = live.run(revoke)
    assert len(rows) == 2
    for row in rows:
        told = opening_of(live, row, "credential_revoked")
        assert (told["approver"], told["kind"]) == (person.username, "credential_revoked")
    check_rows(live)


def test_a_release_says_once_which_files_it_serves_but_not_while_nothing_else_is_logged(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = assets_subject(__version__, fingerprints())
    now = installation.now

    async def later(reader: Reader) -> int:
        await asyncio.sleep(0.2)  # so that each has looked before another has written
        return await now(reader)

    monkeypatch.setattr(installation, "now", later)

    async def tell(rt: Runtime) -> bool:
        return all(await asyncio.gather(*(assets.record(rt, fingerprints()) for _ in range(3))))

    with Live(tmp_path / "data") as live:
        assert not live.run(tell)
        assert leaf_of(live, subject, "asset_manifest") is None
        live.person("alex").practise()
        assert live.run(tell)
        first = opening_of(live, subject, "asset_manifest")
        assert live.run(tell)
        told = opening_of(live, subject, "asset_manifest")
        served = {path: httpx2.get(live.url + path).content for path in told["files"]}
        check_rows(live)
    assert told == first
    assert told["release"] == __version__
    assert "/static/confirm.js" in told["files"]
    for path, content in served.items():
        assert hashlib.sha256(content).hexdigest() == told["files"][path]


def test_a_working_server_says_which_files_it_serves(engine: str, tmp_path: Path) -> None:
    with Live(tmp_path / "data", works=True) as live:
        live.person("alex").practise()
        subject = assets_subject(__version__, fingerprints())
        eventually(lambda: leaf_of(live, subject, "asset_manifest"))
        eventually(lambda: live.run(lambda rt: log_heads.at(rt.database.reader, 2)))


def test_entries_about_one_decision_look_unrelated(
    live: Live, program: Program, alex: Person
) -> None:
    shown = approved(program, alex)
    raise_for(program.post(f"/api/confirmations/{shown['id']}/consume", {"token": TOKEN}))
    entries: list[JSON] = []
    for kind in ("approval", "consumption"):
        leaf = leaf_of(live, shown["id"], kind)
        assert leaf is not None
        entries.append(json.loads(leaf.entry))
    assert not {one["c"] for one in entries} & {shown["payloadHash"], shown["evidenceId"]}
    assert entries[0]["c"] != entries[1]["c"]
    assert entries[0]["o"] != entries[1]["o"]


# --- A full log -----------------------------------------------------------------------------------


def test_a_full_log_lets_nothing_be_decided_and_everything_be_ended(
    live: Live, program: Program
) -> None:
    person = live.newcomer()
    person.practise()
    person.sign_in()
    other = person.add_passkey()
    waiting = [program.ask(person.username)["id"] for _ in range(3)]
    shown = approved(program, person)
    signed = person.sign(waiting[0])
    refusing = person.sign(waiting[1], "reject")
    live.runtime.log.refusal = LogFull()
    try:
        for answer in (
            person.post_approval(waiting[0], signed),
            person.http.post(f"/confirm/{waiting[1]}/reject", json={"credential": refusing}),
            program.post(f"/api/confirmations/{shown['id']}/consume", {"token": TOKEN}),
            program.http.get("/readyz"),
        ):
            assert code_of(answer) == (503, "log_full")
            assert answer.headers["retry-after"]
        raise_for(person.reject(waiting[2]))
        other.sign_in()
        [row] = live.run(
            lambda rt: rt.database.reader.fetch(
                "SELECT id FROM credentials WHERE credential_id = $1", person.passkey.credential_id
            )
        )
        raise_for(other.revoke_passkey(row["id"]))
    finally:
        live.runtime.log.refusal = None
    assert program.get(f"/api/confirmations/{waiting[0]}").json()["status"] == "pending"
    assert program.get(f"/api/confirmations/{waiting[1]}").json()["status"] == "pending"
    assert program.http.get("/readyz").is_success
    check_rows(live)


def test_a_log_that_stands_still_is_not_ready(live: Live, program: Program) -> None:
    live.runtime.log.stalled = True
    try:
        assert code_of(program.http.get("/readyz")) == (503, "log_stalled")
    finally:
        live.runtime.log.stalled = False
    assert program.http.get("/readyz").is_success


# --- Keys -----------------------------------------------------------------------------------------


def test_in_a_rotation_both_keys_sign_and_an_entry_says_so(tmp_path: Path) -> None:
    async def work(book: Book) -> None:
        await book.add(0)
        await book.keep()
        [old] = await log_keys.list_(book.rt)
        new = await log_keys.rotate(book.rt, overlap_days=1)
        assert await log_keys.list_(book.rt) == [old, new]
        assert await book.keep() == 1
        head = (await book.heads())[-1]
        note = parse_note(head.note)
        for trusted in ([old], [new], [old, new]):
            assert list(verify_note(note, trusted, check_ed25519)) == trusted
        leaf = await leaves.get(book.rt.database.reader, new.text, "log_key")
        assert leaf is not None
        assert json.loads(leaf.opening)["vkey"] == new.text
        object.__setattr__(book.rt, "clock", lambda: 2**41)  # after the overlap
        await book.add(1)
        await book.keep()
        assert [line.key_id for line in parse_note((await book.heads())[-1].note).signatures] == [
            new.key_id
        ]
        assert (await rebuild.rebuild(book.rt)).heads == 3

    on_log(tmp_path / "log", work)


# --- Rebuilding -----------------------------------------------------------------------------------


async def change(book: Book, sql: str, *values: Any) -> None:
    async with book.rt.database.transaction() as tx:
        assert await tx.execute(sql, *values) == 1


def test_the_log_is_rebuilt_from_its_entries(tmp_path: Path) -> None:
    async def work(book: Book) -> None:
        for count in (1, 299, 0):
            start = len(await leaves.entries(book.rt.database.reader, 0, 1_000))
            await book.add(*range(start, start + count))
            await book.keep()
        found = await rebuild.rebuild(book.rt)
        assert (found.size, found.heads) == (300, len(await book.heads()))

    on_log(tmp_path / "log", work)


@pytest.mark.parametrize(
    ("table", "column", "where"),
    [
        ("leaves", "entry", "leaf_index = 0"),
        ("leaves", "entry", "leaf_index = 7"),
        ("leaves", "entry", "leaf_index = 299"),
        ("log_tiles", "hashes", "level = 0 AND number = 0"),
        ("log_tiles", "hashes", "level = 0 AND number = 1"),
        ("log_tiles", "hashes", "level = 1 AND number = 0"),
        ("log_heads", "root", "size = 20"),
        ("log_heads", "root", "size = 300"),
    ],
)
def test_rebuilding_finds_any_flipped_bit(
    tmp_path: Path, table: str, column: str, where: str
) -> None:
    async def work(book: Book) -> None:
        await book.add(*range(20))
        await book.keep()
        await book.add(*range(20, 300))
        await book.keep()
        sql = f"SELECT {column} AS data FROM {table} WHERE {where}"
        [row] = await book.rt.database.reader.fetch(sql)
        for byte in {0, len(row["data"]) // 2, len(row["data"]) - 1}:
            data = bytearray(row["data"])
            data[byte] ^= 0x80
            await change(book, f"UPDATE {table} SET {column} = $1 WHERE {where}", bytes(data))
            with pytest.raises(LogRefuses):
                await rebuild.rebuild(book.rt)
        await change(book, f"UPDATE {table} SET {column} = $1 WHERE {where}", row["data"])
        assert (await rebuild.rebuild(book.rt)).size == 300

    on_log(tmp_path / "log", work)


def test_rebuilding_finds_a_head_that_says_something_else(tmp_path: Path) -> None:
    async def work(book: Book) -> None:
        await book.add(0)
        await book.keep()
        await book.add(1)
        await book.keep()
        first, second = await book.heads()
        for note in (first.note, second.note.replace("\n2\n", "\n3\n"), "x"):
            await change(book, "UPDATE log_heads SET note = $1 WHERE size = 2", note)
            with pytest.raises(LogRefuses, match="head of 2"):
                await rebuild.rebuild(book.rt)
        await change(book, "UPDATE log_heads SET note = $1 WHERE size = 2", second.note)
        await rebuild.rebuild(book.rt)

    on_log(tmp_path / "log", work)


def test_a_node_without_memory_goes_on_when_its_operator_says_so(tmp_path: Path) -> None:
    async def work(book: Book) -> None:
        await book.add(0)
        await book.keep()
        kept = book.rt.log.remembered.path.read_text()
        book.rt.log.remembered.path.unlink()
        await book.add(1)
        with pytest.raises(LogRefuses, match="--remember"):
            await book.keep()
        await rebuild.remember(book.rt, await rebuild.rebuild(book.rt))
        assert book.rt.log.remembered.path.read_text() == kept
        assert await book.keep() == 1

    on_log(tmp_path / "log", work)


def test_the_exported_files_are_what_the_server_answers(
    live: Live, program: Program, alex: Person
) -> None:
    approved(program, alex)
    publish_all(live)

    async def work(rt: Runtime) -> dict[str, bytes]:
        return {name: data async for name, data in rebuild.files(rt)}

    files = live.run(work)
    assert list(files)[-1] == "checkpoint"
    for name, data in files.items():
        if name != "key":
            assert get(program, name).content == data, name
    keys = live.run(tree.verifier_keys)
    assert files["key"].decode() == "".join(f"{key.text}\n" for key in keys)
    entries = [e for name, data in files.items() if "entries" in name for e in unpack_entries(data)]
    size = json.loads(get(program, "tree-head").text)["treeSize"]
    assert len(entries) == size
    assert len({hashlib.sha256(entry).digest() for entry in entries}) == size
