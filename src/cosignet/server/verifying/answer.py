"""One answer of a passkey: what it is held against, and what is kept of it."""

from typing import NamedTuple

from cosignet.core.jsontext import JsonValue, write_json
from cosignet.core.leaf import assertion_hash
from cosignet.server.webauthn import Credential, RelyingParty, parse_assertion, verify_assertion


class Expected(NamedTuple):
    """What an answer has to be: over this challenge, with this credential, by its approver."""

    challenge: bytes
    credential: Credential
    approver_id: str


class VerifiedAnswer(NamedTuple):
    """What is kept of an answer that passed every check."""

    sign_count: int
    backed_up: bool
    raw_assertion: str
    """The answer as it came, as JSON."""
    assertion_hash: bytes


def verify_answer(
    value: JsonValue, expected: Expected, relying_party: RelyingParty
) -> VerifiedAnswer:
    """Verify an AuthenticationResponseJSON (WebAuthn L3, section 7.2). Pure, and slow.

    Raises:
        CeremonyMalformed, CeremonyRefused: a subclass names the check.
    """
    verified = verify_assertion(
        parse_assertion(value),
        expected_challenge=expected.challenge,
        relying_party=relying_party,
        credential=expected.credential,
        expected_approver_id=expected.approver_id,
    )
    return VerifiedAnswer(
        sign_count=verified.sign_count,
        backed_up=verified.backed_up,
        raw_assertion=write_json(value),
        assertion_hash=assertion_hash(
            client_data_json=verified.client_data_json,
            authenticator_data=verified.authenticator_data,
            signature=verified.signature,
        ),
    )
