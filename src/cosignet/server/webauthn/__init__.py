"""The strict WebAuthn layer: every ceremony's answer is verified here, or refused by name.

No clock, no randomness, no storage: challenges and credentials come from the caller. Every
`verify_…` returns a typed value or raises; each refusal has a class and a code of its own.
"""

from cosignet.server.webauthn.assertion import credential_id, parse_assertion, verify_assertion
from cosignet.server.webauthn.attestation import parse_attestation, verify_attestation
from cosignet.server.webauthn.options import creation_options, request_options
from cosignet.server.webauthn.types import (
    Assertion,
    Attestation,
    Credential,
    RelyingParty,
    VerifiedAssertion,
    VerifiedCredential,
)

__all__ = [
    "Assertion",
    "Attestation",
    "Credential",
    "RelyingParty",
    "VerifiedAssertion",
    "VerifiedCredential",
    "creation_options",
    "credential_id",
    "parse_assertion",
    "parse_attestation",
    "request_options",
    "verify_assertion",
    "verify_attestation",
]
