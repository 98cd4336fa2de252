"""The log's vectors against the Python code; and cases that nobody here wrote, where they are."""

import base64
import hashlib
import json
import os
import random
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from tests.test_vectors import CASES, Case, each, refusal_of

from cosignet.core import merkle
from cosignet.core.checkpoint import format_tlog_proof, parse_checkpoint, parse_tlog_proof
from cosignet.core.log_errors import EvidenceRefused, ProofWrong
from cosignet.core.merkle import Subtree
from cosignet.core.note import format_note, parse_key, parse_note, verify_note
from cosignet.core.tile import (
    TILE_WIDTH,
    Tile,
    TileHashes,
    TileName,
    format_tile_name,
    grow,
    tile_name,
    tile_of,
    tiles_of,
    width_of,
)


def from_hex(texts: list[str]) -> list[bytes]:
    return [bytes.fromhex(text) for text in texts]


@cache
def hash_of(subtree: Subtree) -> bytes:
    """The tree over the entries 0, 1, 2 …, straight from its definition."""
    if subtree.level == 0:
        return merkle.leaf_hash(str(subtree.number).encode())
    left, right = (Subtree(subtree.level - 1, subtree.number * 2 + n) for n in (0, 1))
    return merkle.node_hash(hash_of(left), hash_of(right))


def tile_bytes(tile: Tile, size: int) -> bytes:
    hashes = range(width_of(tile, size))
    return b"".join(
        hash_of(Subtree(8 * tile.level, tile.number * TILE_WIDTH + at)) for at in hashes
    )


def is_about_all(case: Case) -> bool:
    return "sizes" in case["inputs"]


# --- Proofs ---------------------------------------------------------------------------------------


@each("inclusion")
def test_an_inclusion_proof_holds_or_does_not(case: Case) -> None:
    if is_about_all(case):
        return  # below
    inputs = case["inputs"]

    def check() -> None:
        merkle.verify_inclusion(
            bytes.fromhex(inputs["leafHash"]),
            index=inputs["index"],
            size=inputs["size"],
            proof=from_hex(inputs["proof"]),
            expected_root=bytes.fromhex(inputs["root"]),
        )

    if "wantErr" in case:
        assert refusal_of(check).code == case["wantErr"]
    else:
        check()


@each("consistency")
def test_a_consistency_proof_holds_or_does_not(case: Case) -> None:
    if is_about_all(case):
        return  # below
    inputs = case["inputs"]

    def check() -> None:
        merkle.verify_consistency(
            first=inputs["first"],
            second=inputs["second"],
            first_root=bytes.fromhex(inputs["firstRoot"]),
            second_root=bytes.fromhex(inputs["secondRoot"]),
            proof=from_hex(inputs["proof"]),
        )

    if "wantErr" in case:
        assert refusal_of(check).code == case["wantErr"]
    else:
        check()


@cache
def tile_hashes(size: int) -> TileHashes:
    levels = [(0, n) for n in range(-(-size // TILE_WIDTH))] + [(1, 0)]
    return TileHashes({Tile(*one): tile_bytes(Tile(*one), size) for one in levels})


def test_every_inclusion_proof_of_every_tree_is_the_other_implementations_and_holds() -> None:
    want = CASES["inclusion"]["all"]["want"]
    for size, (root, digest) in enumerate(zip(want["roots"], want["digests"], strict=True), 1):
        found, tiles = hashlib.sha256(), tile_hashes(size)
        expected = bytes.fromhex(root)
        assert merkle.root(size, tiles) == expected
        for index in range(size):
            proof = merkle.prove_inclusion(index, size, tiles)
            leaf = merkle.leaf_hash(str(index).encode())
            merkle.verify_inclusion(
                leaf, index=index, size=size, proof=proof, expected_root=expected
            )
            found.update(b"".join(proof))
        assert found.hexdigest() == digest, size
    assert size == 300


def test_every_consistency_proof_between_two_sizes_is_the_other_implementations_and_holds() -> None:
    roots = [bytes.fromhex(root) for root in CASES["inclusion"]["all"]["want"]["roots"]]
    digests = CASES["consistency"]["all"]["want"]["digests"]
    for second, digest in enumerate(digests, 1):
        found, tiles = hashlib.sha256(), tile_hashes(second)
        for first in range(1, second + 1):
            proof = merkle.prove_consistency(first, second, tiles)
            merkle.verify_consistency(
                first=first,
                second=second,
                first_root=roots[first - 1],
                second_root=roots[second - 1],
                proof=proof,
            )
            found.update(b"".join(proof))
        assert found.hexdigest() == digest, second
    assert second == len(roots) == 300


@pytest.mark.parametrize("size", [1_000_000, 2**20, 2**20 + 1, 999_424])
def test_proofs_of_a_large_tree_hold_and_are_as_long_as_its_height(size: int) -> None:
    # A tree of equal leaves needs one hash for each level.
    level = [merkle.leaf_hash(b"same")]
    for _ in range(21):
        level.append(merkle.node_hash(level[-1], level[-1]))

    def equal(subtree: Subtree) -> bytes:
        return level[subtree.level]

    root = merkle.root(size, equal)
    for index in (0, 1, 255, 256, 65_535, 65_536, size // 2, size - 2, size - 1):
        proof = merkle.prove_inclusion(index, size, equal)
        assert len(proof) <= 21
        merkle.verify_inclusion(level[0], index=index, size=size, proof=proof, expected_root=root)
        if index:
            first = merkle.root(index, equal)
            path = merkle.prove_consistency(index, size, equal)
            sizes = {"first": index, "second": size, "first_root": first}
            merkle.verify_consistency(**sizes, second_root=root, proof=path)


def plain_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root as a picture of the tree shows it: pairs of pairs, an odd one left over."""
    while len(hashes) > 1:
        above = [merkle.node_hash(*pair) for pair in zip(hashes[::2], hashes[1::2], strict=False)]
        hashes = above + list(hashes[len(above) * 2 :])
    return hashes[0]


def test_sampled_proofs_among_a_million_different_leaves_hold() -> None:
    size, tiles, edge = 1_000_000, dict[Tile, bytes](), dict[Tile, bytes]()
    hashes = [merkle.leaf_hash(b"%d" % number) for number in range(size)]
    for start in range(0, size, 50_000):
        grown, edge = grow(start, edge, hashes[start : start + 50_000])
        tiles |= grown
    hash_of, root = TileHashes(tiles), plain_root(hashes)
    assert merkle.root(size, hash_of) == root
    sample = [0, 1, 255, 256, 65_535, 65_536, size - 2, size - 1]
    for index in sample + random.Random(6962).sample(range(size), 500):
        proof = merkle.prove_inclusion(index, size, hash_of)
        place = {"index": index, "size": size, "expected_root": root}
        merkle.verify_inclusion(hashes[index], **place, proof=proof)
        with pytest.raises(ProofWrong):
            merkle.verify_inclusion(hashes[index - 1], **place, proof=proof)
    for first in (1, 65_536, 424_242, size - 1):
        path = merkle.prove_consistency(first, size, hash_of)
        sizes = {"first": first, "second": size, "second_root": root}
        merkle.verify_consistency(**sizes, first_root=plain_root(hashes[:first]), proof=path)


def test_hashes_of_another_length_prove_nothing() -> None:
    left, right = merkle.leaf_hash(b"0"), merkle.leaf_hash(b"1")
    root = merkle.node_hash(left, right)
    place = {"index": 0, "size": 2, "expected_root": root}
    merkle.verify_inclusion(left, **place, proof=[right])
    with pytest.raises(ProofWrong):
        merkle.verify_inclusion(left + right[:1], **place, proof=[right[1:]])
    sizes = {"first": 1, "second": 2, "second_root": root}
    merkle.verify_consistency(**sizes, first_root=left, proof=[right])
    with pytest.raises(ProofWrong):
        merkle.verify_consistency(**sizes, first_root=left + right[:1], proof=[right[1:]])


# --- Tiles ----------------------------------------------------------------------------------------


@each("tiles")
def test_a_tile_has_these_bytes(case: Case) -> None:
    inputs = case["inputs"]
    tile = Tile(inputs["level"], inputs["number"])
    assert width_of(tile, inputs["size"]) == inputs["width"]
    found = tile_bytes(tile, inputs["size"])
    assert len(found) == case["want"]["bytes"]
    assert hashlib.sha256(found).hexdigest() == case["want"]["sha256"]


def test_proofs_need_no_other_tiles_than_they_name() -> None:
    size = 65_900
    for index in (0, 255, 256, 65_535, 65_536, 65_899):
        groups = merkle.inclusion_subtrees(index, size)
        needed = tiles_of(groups)
        assert len(needed) <= 6
        hashes = TileHashes({tile: tile_bytes(tile, size) for tile in needed})
        assert merkle.hashes_over(groups, hashes) == merkle.hashes_over(groups, hash_of)


def test_a_hash_that_its_tile_lacks_is_refused() -> None:
    hashes = TileHashes({Tile(0, 0): bytes(32 * 5 + 31)})
    assert hashes(Subtree(2, 0))
    for missing in (Subtree(0, 5), Subtree(1, 2), Subtree(0, 256), Subtree(8, 0)):
        with pytest.raises(EvidenceRefused):
            hashes(missing)


def test_a_tile_that_has_grown_or_was_changed_is_hashed_anew() -> None:
    first = tile_bytes(Tile(0, 0), 6)
    for now in (first, tile_bytes(Tile(0, 0), 8), first[:-1] + b"!", first):
        hash_of = TileHashes({Tile(0, 0): now})
        for number in range(3):
            pair = now[64 * number :][:32], now[64 * number + 32 :][:32]
            assert hash_of(Subtree(1, number)) == merkle.node_hash(*pair)
    assert TileHashes({Tile(0, 0): tile_bytes(Tile(0, 0), 8)})(Subtree(3, 0))
    with pytest.raises(EvidenceRefused):
        hash_of(Subtree(3, 0))


def test_subtrees_are_in_the_tile_that_holds_their_leaves() -> None:
    assert tile_of(Subtree(0, 255)) == tile_of(Subtree(7, 1)) == Tile(0, 0)
    assert tile_of(Subtree(8, 255)) == tile_of(Subtree(15, 1)) == Tile(1, 0)
    assert tile_of(Subtree(8, 256)) == Tile(1, 1)


@each("tile-name")
def test_a_tile_has_one_name(case: Case) -> None:
    name = case["inputs"]["name"]
    if "wantErr" in case:
        with pytest.raises(ValueError, match="not the name of a tile"):
            tile_name(name)
        return
    want = case["want"]
    assert tile_name(name) == TileName(want["level"], want["number"], want["width"])
    assert format_tile_name(tile_name(name)) == name


# --- Notes ----------------------------------------------------------------------------------------


def check_ed25519(public_key: bytes, signature: bytes, message: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except InvalidSignature:
        raise ValueError("wrong") from None


@each("vkey")
def test_a_verifier_key_is_read_in_its_one_spelling(case: Case) -> None:
    text = case["inputs"]["vkey"]
    if "wantErr" in case:
        assert refusal_of(lambda: parse_key(text)).code == case["wantErr"]
        return
    key = parse_key(text)
    found = {"name": key.name, "keyId": key.key_id.hex(), "publicKey": key.public_key.hex()}
    assert found == case["want"]
    assert key.text == text


def read_head(inputs: Case) -> Any:
    note = parse_note(inputs["note"])
    keys = verify_note(note, [parse_key(text) for text in inputs["vkeys"]], check_ed25519)
    head = parse_checkpoint(note.text)
    return {
        "text": note.text,
        "signedBy": [key.text for key in keys],
        "origin": head.origin,
        "size": head.size,
        "root": head.root.hex(),
    }


@each("note")
def test_a_note_is_a_signed_head_or_refused(case: Case) -> None:
    inputs = case["inputs"]
    if "wantErr" in case:
        assert refusal_of(lambda: read_head(inputs)).code == case["wantErr"]
        return
    assert read_head(inputs) == case["want"]
    note = parse_note(inputs["note"])
    assert format_note(note.text, note.signatures) == inputs["note"]


def test_a_note_of_too_many_lines_or_bytes_is_refused() -> None:
    note = CASES["note"]["signed"]["inputs"]["note"]
    line = note.rpartition("\n\n")[2]
    parse_note(note + line * 63)
    for large in (note + line * 64, "x" * 65_536 + note):
        assert refusal_of(lambda large=large: parse_note(large)).code == "note_malformed"


@each("tlog-proof")
def test_a_proof_that_travels_alone_is_read_or_refused(case: Case) -> None:
    text = case["inputs"]["text"]
    if "wantErr" in case:
        assert refusal_of(lambda: parse_tlog_proof(text)).code == case["wantErr"]
        return
    proof = parse_tlog_proof(text)
    want = case["want"]
    assert (proof.index, [one.hex() for one in proof.hashes]) == (want["index"], want["hashes"])
    assert proof.note == want["note"]
    assert format_tlog_proof(proof) == want["rewritten"]


def test_a_proof_that_travels_alone_holds() -> None:
    proof = parse_tlog_proof(CASES["tlog-proof"]["proof"]["inputs"]["text"])
    head = parse_checkpoint(parse_note(proof.note).text)
    leaf = merkle.leaf_hash(str(proof.index).encode())
    place = {"index": proof.index, "size": head.size, "proof": proof.hashes}
    merkle.verify_inclusion(leaf, **place, expected_root=head.root)
    with pytest.raises(ProofWrong):
        merkle.verify_inclusion(leaf, **place, expected_root=merkle.EMPTY_ROOT)


# --- Cases that nobody here wrote -----------------------------------------------------------------


def others(kind: str) -> Iterator[tuple[str, Case]]:
    """Yield transparency-dev/merkle's cases, if TEST_VECTORS_DIR says where they are."""
    folder = Path(os.environ.get("TEST_VECTORS_DIR", ""), "merkle", kind)
    if os.environ.get("TEST_VECTORS_DIR"):
        for path in sorted(folder.rglob("*.json")):
            yield path.relative_to(folder).as_posix(), json.loads(path.read_text())


def decoded(texts: list[str] | None) -> list[bytes]:
    return [base64.b64decode(text) for text in texts or ()]


def check_others_inclusion(case: Case) -> None:
    merkle.verify_inclusion(
        *decoded([case["leafHash"]]),
        index=case["leafIdx"],
        size=case["treeSize"],
        proof=decoded(case["proof"]),
        expected_root=base64.b64decode(case["root"]),
    )


def check_others_consistency(case: Case) -> None:
    merkle.verify_consistency(
        first=case["size1"],
        second=case["size2"],
        first_root=base64.b64decode(case["root1"]),
        second_root=base64.b64decode(case["root2"]),
        proof=decoded(case["proof"]),
    )


@pytest.mark.parametrize(
    ("kind", "check", "least"),
    [("inclusion", check_others_inclusion, 90), ("consistency", check_others_consistency, 90)],
)
def test_other_peoples_cases_end_as_they_say(
    kind: str, check: Callable[[Case], None], least: int, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = list(others(kind))
    if not cases:
        with capsys.disabled():
            print(f"\nTEST_VECTORS_DIR names no cases of {kind}; passed over")
        return
    assert len(cases) >= least
    for name, case in cases:
        if not case["wantErr"]:
            check(case)
            continue
        with pytest.raises(ProofWrong):
            check(case)
            pytest.fail(name)
