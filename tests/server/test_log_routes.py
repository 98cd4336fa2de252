"""The log as anybody reads it: heads, tiles, proofs, evidence; and what is not told."""

import base64
import hashlib
import json
from typing import Any

import httpx2
import pytest
from tests.bundles import publish_all
from tests.live import Live
from tests.people import JSON, PAYLOAD, Person, Program, raise_for

from cosignet.core.checkpoint import parse_checkpoint, parse_tlog_proof
from cosignet.core.leaf import assertion_hash
from cosignet.core.merkle import (
    fold_complete,
    leaf_hash,
    root_of_inclusion,
    verify_consistency,
    verify_inclusion,
)
from cosignet.core.note import parse_key, parse_note, verify_note
from cosignet.core.tile import unpack_entries
from cosignet.server.runtime import Runtime
from cosignet.server.secret import check_ed25519
from cosignet.server.store import leaves, organisations

LOG = "/public/log"


def fill(live: Live, count: int) -> None:
    """Add leaves of no confirmation, and publish them."""

    async def work(rt: Runtime) -> None:
        organisation = await organisations.by_slug(rt.database.reader, "default")
        assert organisation is not None
        async with rt.database.transaction() as tx:
            for _ in range(count):
                name = rt.new_id()
                leaf = leaves.NewLeaf(organisation.id, name, "approval", name.encode(), "{}", 0)
                leaves.append(tx, leaf)

    live.run(work)
    publish_all(live)


def decode(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def get(program: Program, path: str, **query: object) -> httpx2.Response:
    return program.http.get(f"{LOG}/{path}", params={k: str(v) for k, v in query.items()})


def head_of(program: Program) -> Any:
    key = parse_key(get(program, "key").json()["vkey"])
    note = parse_note(get(program, "checkpoint").text)
    verify_note(note, [key], check_ed25519)
    return parse_checkpoint(note.text)


def code_of(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def approved(program: Program, person: Person, **terms: Any) -> JSON:
    asked = program.ask(person.username, **terms)
    raise_for(person.approve(asked["id"]))
    return program.get(f"/api/confirmations/{asked['id']}").json()


@pytest.fixture(scope="module")
def filled(live: Live) -> Live:
    fill(live, 300)
    return live


# --- Heads and keys -------------------------------------------------------------------------------


def test_an_empty_log_has_a_key_and_no_head(tmp_path: Any) -> None:
    with Live(tmp_path / "data") as fresh:
        program = fresh.program()
        assert code_of(get(program, "checkpoint")) == (404, "not_logged")
        assert get(program, "checkpoint").headers["cache-control"] == "no-store"
        assert get(program, "tree-heads").json() == {"items": [], "nextCursor": None}
        origin = f"localhost:{fresh.port}/public/log"
        assert get(program, "key").json()["origin"] == origin
        wanted = get(program, "proofs/inclusion", index=0)
        assert code_of(wanted)[0] in (404, 422)


def test_the_key_in_its_dresses_is_one(filled: Live, program: Program) -> None:
    shown = get(program, "key").json()
    text = program.http.get(f"{LOG}/key", headers={"Accept": "text/plain"})
    assert text.text == shown["vkey"] + "\n"
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    key = parse_key(shown["vkey"])
    assert (key.name, key.key_id.hex()) == (shown["origin"], shown["keyId"])
    assert key.public_key == decode(shown["publicKey"])
    pem = "".join(shown["publicKeyPem"].splitlines()[1:-1])
    assert decode(pem)[-32:] == key.public_key
    assert shown["vkeys"] == [shown["vkey"]]
    assert shown["algorithm"] == "Ed25519"


def test_the_head_in_its_dresses_is_one(filled: Live, program: Program) -> None:
    head = head_of(program)
    shown = get(program, "tree-head").json()
    assert shown["note"] == get(program, "checkpoint").text
    assert (shown["origin"], shown["treeSize"]) == (head.origin, head.size)
    assert decode(shown["rootHash"]) == head.root
    key = parse_key(get(program, "key").json()["vkey"])
    assert shown["keyId"] == key.key_id.hex()
    check_ed25519(key.public_key, decode(shown["signature"]), head.text.encode())
    listed = get(program, "tree-heads").json()
    assert listed["items"][0] == shown


def test_heads_are_listed_page_by_page(filled: Live, program: Program) -> None:
    for _ in range(3):
        fill(filled, 1)
    every = [one["treeSize"] for one in get(program, "tree-heads").json()["items"]]
    assert every == sorted(set(every), reverse=True)
    first = get(program, "tree-heads", limit=2).json()
    rest = get(program, "tree-heads", cursor=first["nextCursor"]).json()
    assert [one["treeSize"] for one in first["items"] + rest["items"]] == every
    assert rest["nextCursor"] is None
    assert code_of(get(program, "tree-heads", limit=101)) == (422, "field_invalid")


# --- Tiles ----------------------------------------------------------------------------------------


def test_tiles_and_entries_lead_to_the_signed_root(filled: Live, program: Program) -> None:
    head = head_of(program)
    width = head.size - 256
    full, part = get(program, "tile/0/000"), get(program, f"tile/0/001.p/{width}")
    entries = [
        *unpack_entries(get(program, "tile/entries/000").content),
        *unpack_entries(get(program, f"tile/entries/001.p/{width}").content),
    ]
    hashes = [leaf_hash(entry) for entry in entries]
    assert b"".join(hashes) == full.content + part.content
    assert get(program, "tile/1/000.p/1").content == fold_complete(full.content)
    proof = raise_for(get(program, "proofs/inclusion", index=0, treeSize=head.size))["hashes"]
    found = root_of_inclusion(
        hashes[0], index=0, size=head.size, proof=[decode(one) for one in proof]
    )
    assert found == head.root
    assert full.headers["content-type"] == "application/octet-stream"
    for answer in (full, part):
        assert "immutable" in answer.headers["cache-control"]
    # A part is a prefix of what it becomes, and stays there.
    assert get(program, "tile/0/000.p/17").content == full.content[: 17 * 32]


@pytest.mark.parametrize(
    "name",
    [
        "0/002",
        "0/001",
        "1/000",
        "1/000.p/2",
        "2/000.p/1",
        "entries/001",
        "0/001.p/255",
        "63/000",
        "0/0",
        "64/000",
        "0/000.p/0",
        "0/000.p/256",
        "entries/000/",
        "..%2F..%2Fkey",
        "0/x001",
        "",
    ],
)
def test_a_tile_that_does_not_exist_is_404_and_not_kept(
    filled: Live, program: Program, name: str
) -> None:
    answer = get(program, f"tile/{name}")
    assert answer.status_code == 404
    assert answer.headers["cache-control"] == "no-store"


def test_any_site_may_read_the_log_and_nothing_else(filled: Live, program: Program) -> None:
    paths = ["checkpoint", "tile/0/000", "key", "tree-head", "tree-heads", "tile/0/999", "nothing"]
    for path in [*paths, "proofs/inclusion", "entries/x/verification", "entries/x/proof"]:
        answer = get(program, path)
        assert answer.headers["access-control-allow-origin"] == "*", path
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert "set-cookie" not in answer.headers
    for path in ("/healthz", "/api/openapi.json", "/"):
        answer = program.http.get(path)
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_the_log_needs_no_key_and_refuses_in_json(filled: Live, program: Program) -> None:
    browser = {"Accept": "text/html"}
    answer = httpx2.get(f"{program.http.base_url}{LOG}/tile/0/999", headers=browser)
    assert answer.headers["content-type"] == "application/problem+json"
    assert httpx2.get(f"{program.http.base_url}{LOG}/checkpoint").is_success


# --- Proofs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 299, 300, None])
def test_every_leaf_is_proven_in_every_tree(
    filled: Live, program: Program, size: int | None
) -> None:
    head = head_of(program)
    entries = unpack_entries(get(program, "tile/entries/000").content)
    for index in {0, 1, 127, 128, 254, (size or head.size) - 1}:
        query = {"index": index} | ({} if size is None else {"treeSize": size})
        if index >= min(size or head.size, 256):
            continue
        answer = get(program, "proofs/inclusion", **query)
        proof = raise_for(answer)
        assert (proof["leafIndex"], proof["treeSize"]) == (index, size or head.size)
        root = root_of_inclusion(
            leaf_hash(entries[index]),
            index=index,
            size=proof["treeSize"],
            proof=[decode(one) for one in proof["hashes"]],
        )
        assert size is not None or root == head.root
        assert ("immutable" in answer.headers["cache-control"]) == (size is not None)


def test_heads_are_proven_to_extend_each_other(filled: Live, program: Program) -> None:
    fill(filled, 2)
    heads = get(program, "tree-heads").json()["items"]
    newest = heads[0]
    for older in heads:
        query = {"first": older["treeSize"], "second": newest["treeSize"]}
        proof = raise_for(get(program, "proofs/consistency", **query))
        assert {k: proof[k] for k in query} == query
        verify_consistency(
            **query,
            first_root=decode(older["rootHash"]),
            second_root=decode(newest["rootHash"]),
            proof=[decode(one) for one in proof["hashes"]],
        )


@pytest.mark.parametrize(
    ("path", "query", "refusal"),
    [
        ("proofs/inclusion", {}, (422, "field_missing")),
        ("proofs/inclusion", {"index": "-1"}, (422, "field_invalid")),
        ("proofs/inclusion", {"index": "x"}, (422, "field_invalid")),
        ("proofs/inclusion", {"index": "5", "treeSize": "5"}, (422, "field_invalid")),
        ("proofs/inclusion", {"index": "0", "treeSize": "0"}, (422, "field_invalid")),
        ("proofs/inclusion", {"index": "9999999"}, (422, "field_invalid")),
        ("proofs/inclusion", {"index": "0", "treeSize": "999999999"}, (404, "beyond_the_log")),
        ("proofs/inclusion", {"index": "0", "leaf": "1"}, (422, "field_unknown")),
        ("proofs/consistency", {"first": "1"}, (422, "field_missing")),
        ("proofs/consistency", {"first": "0", "second": "5"}, (422, "field_invalid")),
        ("proofs/consistency", {"first": "6", "second": "5"}, (422, "field_invalid")),
        ("proofs/consistency", {"first": "1", "second": "999999999"}, (404, "beyond_the_log")),
        ("proofs/consistency", {"first": "1", "second": "9" * 17}, (422, "field_invalid")),
    ],
)
def test_what_cannot_be_proven_is_refused(
    filled: Live, program: Program, path: str, query: dict[str, str], refusal: tuple[int, str]
) -> None:
    answer = get(program, path, **query)
    assert code_of(answer) == refusal
    assert answer.headers["cache-control"] == "no-store"


# --- Evidence -------------------------------------------------------------------------------------


def assert_holds(bundle: JSON, *, kind: str) -> JSON:
    """Check a bundle by its own numbers, and return its opening."""
    leaf, head = decode(bundle["entry"]["leaf"]), parse_note(bundle["checkpoint"])
    said = parse_checkpoint(head.text)
    verify_note(head, [parse_key(bundle["log"]["vkey"])], check_ed25519)
    assert (bundle["version"], bundle["kind"], bundle["state"]) == (1, kind, "included")
    assert said.origin == bundle["log"]["origin"]
    assert decode(bundle["entry"]["leafHash"]) == leaf_hash(leaf)
    hashes = [decode(one) for one in bundle["inclusion"]["hashes"]]
    place = {"index": bundle["entry"]["index"], "size": bundle["inclusion"]["treeSize"]}
    verify_inclusion(leaf_hash(leaf), **place, proof=hashes, expected_root=said.root)
    commitment = hashlib.sha256(bundle["opening"].encode()).digest()
    assert json.loads(leaf)["c"] == base64.urlsafe_b64encode(commitment).rstrip(b"=").decode()
    alone = parse_tlog_proof(bundle["tlogProof"])
    assert (alone.index, alone.hashes, alone.note) == (place["index"], hashes, bundle["checkpoint"])
    return json.loads(bundle["opening"])


def test_the_evidence_of_an_approval(live: Live, program: Program, alex: Person) -> None:
    alex.practise()
    shown = approved(program, alex)
    waiting = get(program, f"entries/{shown['evidenceId']}/verification")
    assert waiting.status_code == 202
    assert waiting.headers["cache-control"] == "no-store"
    assert waiting.json() == {
        "version": 1,
        "evidenceId": shown["evidenceId"],
        "kind": "approval",
        "state": "pending",
    }
    assert code_of(get(program, f"entries/{shown['evidenceId']}/proof")) == (404, "not_logged")
    publish_all(live)
    bundle = raise_for(get(program, f"entries/{shown['evidenceId']}/verification"))
    assert list(bundle) == [
        "version",
        "evidenceId",
        "kind",
        "state",
        "log",
        "entry",
        "opening",
        "payloadHash",
        "signatures",
        "inclusion",
        "checkpoint",
        "tlogProof",
        "consistency",
        "witnesses",
        "anchors",
    ]
    opening = assert_holds(bundle, kind="approval")
    assert opening["evidence"] == bundle["evidenceId"] == shown["evidenceId"]
    assert opening["payloadHash"] == bundle["payloadHash"] == shown["payloadHash"]
    [signature], [said] = bundle["signatures"], opening["signatures"]
    assert signature["rawAssertion"] == shown["rawAssertion"]
    assert signature["credential"] == shown["credential"]
    assert (signature["rpId"], signature["origin"]) == ("localhost", live.url)
    spki = base64.urlsafe_b64decode(signature["credential"]["publicKeySpki"] + "==")
    assert said["credentialKeyHash"] == hashlib.sha256(spki).hexdigest()
    answered = {
        name: base64.urlsafe_b64decode(value + "==")
        for name, value in shown["rawAssertion"]["response"].items()
        if name in ("clientDataJSON", "authenticatorData", "signature")
    }
    hashed = assertion_hash(
        client_data_json=answered["clientDataJSON"],
        authenticator_data=answered["authenticatorData"],
        signature=answered["signature"],
    )
    assert said["assertionHash"] == hashed.hex()
    context = hashlib.sha256(b"cosignet/context/v1\n" + shown["context"].encode())
    assert said["contextHash"] == context.hexdigest()
    enrolment = json.loads(signature["enrolment"]["opening"])
    assert (enrolment["approver"], enrolment["kind"]) == (alex.username, "credential")
    assert enrolment["credentialKeyHash"] == said["credentialKeyHash"]
    at = parse_checkpoint(parse_note(bundle["checkpoint"]).text)
    verify_inclusion(
        decode(signature["enrolment"]["entry"]["leafHash"]),
        index=signature["enrolment"]["entry"]["index"],
        size=at.size,
        proof=[decode(one) for one in signature["enrolment"]["inclusion"]["hashes"]],
        expected_root=at.root,
    )
    assert signature["revocation"] is None


def test_public_evidence_discloses_neither_payload_nor_context(
    live: Live, program: Program, alex: Person
) -> None:
    shown = approved(program, alex)
    publish_all(live)
    text = get(program, f"entries/{shown['evidenceId']}/verification").text
    for secret in (PAYLOAD["service"] + '"', PAYLOAD["sha"], shown["action"], shown["id"]):
        assert secret not in text, secret


def test_the_evidence_of_a_signed_rejection(live: Live, program: Program, alex: Person) -> None:
    asked = program.ask(alex.username)["id"]
    raise_for(
        alex.http.post(f"/confirm/{asked}/reject", json={"credential": alex.sign(asked, "reject")})
    )
    publish_all(live)
    evidence_id = program.get(f"/api/confirmations/{asked}").json()["evidenceId"]
    bundle = raise_for(get(program, f"entries/{evidence_id}/verification"))
    opening = assert_holds(bundle, kind="rejection")
    assert opening["kind"] == "rejection"
    assert len(bundle["signatures"]) == 1
    assert code_of(get(program, f"entries/{evidence_id}/verification", kind="approval")) == (
        404,
        "not_logged",
    )


def test_the_confirmations_own_id_opens_its_evidence_unless_it_is_private(
    live: Live, program: Program, alex: Person
) -> None:
    shown = approved(program, alex)
    publish_all(live)
    by_either = [
        get(program, f"entries/{id_}/verification").json()
        for id_ in (shown["id"], shown["evidenceId"])
    ]
    assert by_either[0] == by_either[1]
    asked = program.ask(alex.username, private=True)
    alex.unlock(asked["id"])
    raise_for(alex.approve(asked["id"]))
    publish_all(live)
    private = program.get(f"/api/confirmations/{asked['id']}").json()
    assert code_of(get(program, f"entries/{private['id']}/verification")) == (404, "not_logged")
    assert get(program, f"entries/{private['evidenceId']}/verification").is_success


def test_what_left_no_entry_looks_like_what_does_not_exist(
    live: Live, program: Program, alex: Person
) -> None:
    pending = program.ask(alex.username)["id"]
    tapped = program.ask(alex.username)["id"]
    raise_for(alex.reject(tapped))
    for id_ in (pending, tapped, "nothing", "0b8e6a52-7d3c-4f19-8a61-5e4d3c2b1a09"):
        for what in ("verification", "proof"):
            answer = get(program, f"entries/{id_}/{what}")
            assert code_of(answer) == (404, "not_logged")
    shown = approved(program, alex)
    for kind in ("credential", ""):
        refused = get(program, f"entries/{shown['evidenceId']}/verification", kind=kind)
        assert code_of(refused) == (422, "field_invalid")


def test_the_proof_that_travels_alone_is_the_bundles(
    live: Live, program: Program, alex: Person
) -> None:
    shown = approved(program, alex)
    publish_all(live)
    alone = get(program, f"entries/{shown['evidenceId']}/proof")
    assert alone.headers["content-type"] == "text/plain; charset=utf-8"
    bundle = get(program, f"entries/{shown['evidenceId']}/verification").json()
    assert alone.text == bundle["tlogProof"]


def test_a_damaged_tile_or_entry_is_503_and_never_a_wrong_proof(
    live: Live, program: Program, alex: Person
) -> None:
    shown = approved(program, alex)
    publish_all(live)
    path = f"entries/{shown['evidenceId']}/verification"
    index = raise_for(get(program, path))["entry"]["index"]

    def put(table: str, column: str, where: str, data: bytes) -> bytes:
        """Replace stored bytes, and return what was there."""

        async def work(rt: Runtime) -> bytes:
            query = f"SELECT {column} AS data FROM {table} WHERE {where}"
            [row] = await rt.database.reader.fetch(query)
            async with rt.database.transaction() as tx:
                await tx.execute(f"UPDATE {table} SET {column} = $1 WHERE {where}", data)
            return row["data"]

        return live.run(work)

    entry = ("leaves", "entry", f"leaf_index = {index}")
    kept = put(*entry, b"another")
    assert code_of(get(program, path)) == (503, "log_refuses")
    assert code_of(get(program, "proofs/inclusion", index=index)) == (503, "log_refuses")
    put(*entry, kept)
    assert get(program, path).is_success
    tile = ("log_tiles", "hashes", "level = 0 AND number = 0")
    kept = put(*tile, b"")
    put(*tile, bytes([kept[0] ^ 1]) + kept[1:])
    size = head_of(program).size
    for answer in (
        get(program, "proofs/inclusion", index=1, treeSize=size),
        get(program, "proofs/consistency", first=1, second=size),
    ):
        assert code_of(answer) == (503, "log_refuses")
    put(*tile, kept[:-1])
    width = len(kept) // 32
    name = "000" if width == 256 else f"000.p/{width}"
    assert code_of(get(program, f"tile/0/{name}")) == (503, "log_refuses")
    put(*tile, kept)
    assert get(program, f"tile/0/{name}").is_success
