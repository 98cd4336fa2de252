"""The 48 bytes: every character of a context counts, and no ceremony passes for another."""

import hashlib
from itertools import combinations
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosignet.core.challenge import (
    CEREMONY_CHALLENGE_BYTES,
    CHALLENGE_BYTES,
    NONCE_BYTES,
    CeremonyPurpose,
    Context,
    ceremony_challenge,
    challenge,
    context_hash,
    parse_context,
)
from cosignet.core.errors import ContextMalformed
from cosignet.core.payload import payload_hash

prop = settings(deadline=None, derandomize=True, database=None, max_examples=150)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
CONTEXT = Context(
    purpose="approve",
    confirmation="3f0c9a52-8d4e-4c57-b1a6-90e2d7f46a18",
    org="default",
    action="Deploy to production",
    approver="alex",
    approver_id="c2a7d1e0-5b38-49f6-8e27-1d04b6f9a35c",
    requester="deploy-bot",
    requester_key_id="91be64d7-0f2a-4d83-a5c9-7e36f8120bd4",
    rp_id="localhost",
    origin="http://localhost:8000",
    created_at="2026-11-20T20:45:25.123Z",
    expires_at="2026-11-20T20:48:25.123Z",
    quorum=1,
    policy=None,
    risk="normal",
    reveal=False,
    salt="8N3Mu6qZiHdmVUQzIhEA_-7dzLuqmYh3ZlVEMyIRAP8",
)
HASH = payload_hash('{"a":1}')


def nonce(text: str) -> bytes:
    return challenge(purpose="approve", context_text=text, payload_hash=HASH)[:NONCE_BYTES]


def test_one_character_anywhere_gives_another_nonce() -> None:
    text = CONTEXT.text
    changed = {nonce(f"{text[:at]}~{text[at + 1 :]}") for at in range(len(text))}
    left_out = {nonce(f"{text[:at]}{text[at + 1 :]}") for at in range(len(text))}
    assert len(changed) == len(text)
    assert nonce(text) not in changed | left_out
    # Leaving out either of two equal neighbours gives one text.
    assert len(left_out) == len({f"{text[:at]}{text[at + 1 :]}" for at in range(len(text))})


def test_one_character_anywhere_is_no_context_or_another_one() -> None:
    text = CONTEXT.text
    for at in range(len(text)):
        changed = f"{text[:at]}~{text[at + 1 :]}"
        try:
            assert parse_context(changed) != CONTEXT
        except ContextMalformed:
            continue


@prop
@given(texts, texts, texts, st.integers(1, 2**53 - 1), st.booleans())
def test_a_context_is_read_as_it_was_written(
    action: str, requester: str, org: str, quorum: int, reveal: bool
) -> None:
    changes = {"action": action, "requester": requester, "org": org}
    context = CONTEXT._replace(**changes, quorum=quorum, reveal=reveal, policy="0f" * 32)
    assert parse_context(context.text) == context


@prop
@given(st.text(max_size=40) | st.text(alphabet=CONTEXT.text, max_size=60))
def test_arbitrary_texts_are_no_context(text: str) -> None:
    with pytest.raises(ContextMalformed):
        parse_context(text)


def test_a_context_that_has_no_utf_8_is_refused() -> None:
    with pytest.raises(ContextMalformed):
        parse_context(CONTEXT.text.replace("alex", "al\ud800ex"))


@pytest.mark.parametrize(
    "payload",
    ["", "a" * 64 + "\n", "A" * 64, "g" * 64, "a" * 63, "٣" * 64],
)
def test_a_policy_is_a_hash_or_none(payload: str) -> None:
    with pytest.raises(ContextMalformed):
        parse_context(CONTEXT._replace(policy=payload).text)


def test_the_first_half_is_the_context_and_the_last_the_payload() -> None:
    made = challenge(purpose="approve", context_text=CONTEXT.text, payload_hash=HASH)
    assert len(made) == CHALLENGE_BYTES == 48
    assert made[:16] == context_hash(CONTEXT.text)[:16]
    assert made[16:] == HASH


def test_a_context_hash_is_not_the_hash_of_the_text() -> None:
    assert context_hash(CONTEXT.text) != hashlib.sha256(CONTEXT.text.encode()).digest()


def test_a_rejection_is_never_an_approval_of_anything() -> None:
    text = CONTEXT.text
    approving = challenge(purpose="approve", context_text=text, payload_hash=HASH)
    rejecting = challenge(purpose="reject", context_text=text, payload_hash=HASH)
    assert len(rejecting) == CHALLENGE_BYTES
    assert rejecting[:16] == approving[:16]
    assert rejecting[16:] != approving[16:]
    # What a rejection signs is no hash of a JSON text: its preimage is tagged and 51 bytes long.
    tagged = b"cosignet/reject/v1\n" + HASH
    assert rejecting[16:] == hashlib.sha256(tagged).digest()
    assert not tagged.startswith(b"{")


def test_the_two_contexts_of_one_confirmation_differ() -> None:
    rejecting = CONTEXT._replace(purpose="reject")
    assert context_hash(CONTEXT.text) != context_hash(rejecting.text)


def test_both_contexts_of_one_confirmation_are_written_at_once() -> None:
    other_salt = CONTEXT.salt[::-1]
    rejecting = CONTEXT._replace(purpose="reject", salt=other_salt)
    assert CONTEXT.texts(other_salt) == (CONTEXT.text, rejecting.text)


def test_every_ceremony_has_a_challenge_of_its_own() -> None:
    random = bytes(range(32))
    made = [ceremony_challenge(purpose, random) for purpose in get_args(CeremonyPurpose)]
    assert len(set(made)) == len(get_args(CeremonyPurpose)) >= 5
    assert {len(one) for one in made} == {CEREMONY_CHALLENGE_BYTES}
    assert CEREMONY_CHALLENGE_BYTES != CHALLENGE_BYTES


def test_no_domain_is_the_beginning_of_another() -> None:
    domains = [f"cosignet/{purpose}/v1\n" for purpose in (*get_args(CeremonyPurpose),)]
    domains += ["cosignet/context/v1\n", "cosignet/reject/v1\n"]
    for one, other in combinations(domains, 2):
        assert not one.startswith(other)
        assert not other.startswith(one)
