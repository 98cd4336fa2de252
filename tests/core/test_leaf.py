"""Log leaves beyond the vectors: what an entry gives away, and what it does not."""

import base64
import hashlib
import hmac
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosignet.core.encoding import base64url_decode, rfc3339
from cosignet.core.leaf import (
    ENTRY_BYTES_MAX,
    SignedBy,
    assertion_hash,
    credential_opening,
    decision_opening,
    entry,
)

prop = settings(deadline=None, derandomize=True, database=None, max_examples=150)
hashes = st.binary(min_size=32, max_size=32)
times = st.integers(0, 253_402_300_799_999)
KEY = bytes(range(32))


@prop
@given(times, hashes)
def test_an_entry_says_the_minute_and_nothing_more_exact(at: int, salt: bytes) -> None:
    opening = decision_opening(
        kind="approval",
        salt=salt,
        evidence_id="e",
        payload_hash=salt,
        decided_at=at,
        signatures=[],
    )
    made = json.loads(entry(opening=opening, at=at, monitor_key=KEY))
    assert list(made) == ["v", "t", "c", "o"]
    assert made["t"] == at // 60_000 * 60
    assert base64url_decode(made["c"]) == hashlib.sha256(opening.encode()).digest()
    tag = hmac.new(KEY, base64url_decode(made["c"]), "sha256").digest()[:16]
    assert base64url_decode(made["o"]) == tag


def test_an_entry_is_small_whatever_it_commits_to() -> None:
    made = entry(opening="x" * 1_000_000, at=253_402_300_799_999, monitor_key=KEY)
    assert len(made) < 150 < ENTRY_BYTES_MAX


def test_entries_of_one_minute_differ_in_no_byte_of_time() -> None:
    start = 1_795_207_500_000
    made = {
        entry(opening="o", at=start + offset, monitor_key=KEY) for offset in (0, 1, 31_999, 59_999)
    }
    assert len(made) == 1
    assert entry(opening="o", at=start + 60_000, monitor_key=KEY) not in made
    assert entry(opening="o", at=start - 1, monitor_key=KEY) not in made


def test_the_salt_is_what_keeps_two_equal_decisions_apart() -> None:
    def made(salt: bytes) -> str:
        return decision_opening(
            kind="approval",
            salt=salt,
            evidence_id="e",
            payload_hash=KEY,
            decided_at=0,
            signatures=[SignedBy(KEY, KEY, KEY)],
        )

    assert made(bytes(32)) != made(bytes(31) + b"\1")
    assert made(KEY) == made(KEY)


@prop
@given(st.text(st.characters(exclude_categories=["Cs"])), st.none() | hashes)
def test_an_opening_is_read_back_as_it_was_meant(name: str, proof: bytes | None) -> None:
    text = credential_opening(
        salt=KEY,
        org=name,
        approver=name,
        approver_id=name,
        credential_id=name.encode(),
        credential_key_hash=KEY,
        enrolled_by=name,
        at=0,
        proof=proof,
    )
    read = json.loads(text)
    assert read["enrolledBy"] == read["org"] == read["approver"] == name
    assert base64url_decode(read["credentialId"]) == name.encode()
    assert read["proof"] == (None if proof is None else proof.hex())
    assert read["at"] == "1970-01-01T00:00:00.000Z"


@prop
@given(st.lists(st.binary(max_size=40), min_size=3, max_size=3))
def test_an_assertion_hash_is_over_three_hashes(parts: list[bytes]) -> None:
    client_data, authenticator_data, signature = parts
    made = assertion_hash(
        client_data_json=client_data, authenticator_data=authenticator_data, signature=signature
    )
    joined = b"".join(hashlib.sha256(part).digest() for part in parts)
    assert made == hashlib.sha256(joined).digest()


@prop
@given(st.binary(max_size=40), st.binary(min_size=1, max_size=3))
def test_no_byte_moves_from_one_part_of_an_assertion_to_another(whole: bytes, more: bytes) -> None:
    def made(first: bytes, second: bytes) -> bytes:
        return assertion_hash(client_data_json=first, authenticator_data=second, signature=b"s")

    assert made(whole, more) != made(whole + more[:1], more[1:])


@prop
@given(times)
def test_a_time_has_one_spelling_of_24_characters(at: int) -> None:
    text = rfc3339(at)
    assert len(text) == 24
    assert text.endswith(f".{at % 1000:03d}Z")


@pytest.mark.parametrize("text", ["AA=", "AA==", "A", "AB", "A+", "A/", "AA\n", " AA", "ÄA"])
def test_bytes_have_one_spelling(text: str) -> None:
    with pytest.raises(ValueError, match="base64url"):
        base64url_decode(text)


@prop
@given(st.binary(max_size=40))
def test_bytes_are_read_as_they_were_written(data: bytes) -> None:
    text = base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    assert base64url_decode(text) == data
