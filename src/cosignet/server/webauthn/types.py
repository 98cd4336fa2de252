"""The typed values that go into a ceremony and come out of it."""

from dataclasses import dataclass
from typing import NamedTuple

ES256 = -7
EDDSA = -8
RS256 = -257
ALGORITHMS = (ES256, EDDSA, RS256)
"""COSE algorithm identifiers we offer, in this order of preference (RFC 9053, RFC 8812)."""

CREDENTIAL_ID_MAX = 1023
"""Bytes of a credential id (WebAuthn L3, section 4, "credential ID")."""
USER_HANDLE_MAX = 64
"""Bytes of a user handle (WebAuthn L3, section 4, "user handle")."""


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Who we are to browsers and passkeys: the host, and the one origin pages are served from."""

    id: str
    origin: str


class Credential(NamedTuple):
    """A registered passkey as the store knows it; `public_key` is the COSE key, verbatim."""

    id: bytes
    approver_id: str
    user_handle: bytes
    public_key: bytes
    algorithm: int
    sign_count: int
    backup_eligible: bool
    revoked: bool


@dataclass(frozen=True, slots=True)
class Attestation:
    """The parts of a RegistrationResponseJSON, decoded but not yet believed."""

    credential_id: bytes
    client_data_json: bytes
    attestation_object: bytes
    transports: tuple[str, ...]


class Assertion(NamedTuple):
    """The parts of an AuthenticationResponseJSON, decoded but not yet believed."""

    credential_id: bytes
    client_data_json: bytes
    authenticator_data: bytes
    signature: bytes
    user_handle: bytes | None


@dataclass(frozen=True, slots=True)
class VerifiedCredential:
    """A passkey that passed every check of a registration.

    `public_key` is the COSE key verbatim, `public_key_spki` the same key as DER
    SubjectPublicKeyInfo, `aaguid` a UUID, `transports` hints of the browser, unproven.
    """

    id: bytes
    public_key: bytes
    public_key_spki: bytes
    algorithm: int
    sign_count: int
    backup_eligible: bool
    backed_up: bool
    transports: tuple[str, ...]
    aaguid: str


class VerifiedAssertion(NamedTuple):
    """A signature that passed every check; the three byte strings are what a verifier needs."""

    credential_id: bytes
    sign_count: int
    backed_up: bool
    client_data_json: bytes
    authenticator_data: bytes
    signature: bytes
