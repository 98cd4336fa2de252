"""Registration: from the browser's RegistrationResponseJSON to a credential we believe."""

import uuid
from typing import cast

from cosignet.server.webauthn.authenticator_data import (
    AttestedCredential,
    AuthenticatorData,
    parse_authenticator_data,
    verify_flags,
)
from cosignet.server.webauthn.cbor import read_cbor
from cosignet.server.webauthn.client_data import CREATE, verify_client_data
from cosignet.server.webauthn.encoding import bytes_member
from cosignet.server.webauthn.envelope import parse_envelope
from cosignet.server.webauthn.errors import AttestationNotNone, AttestedIdWrong
from cosignet.server.webauthn.keys import parse_public_key
from cosignet.server.webauthn.malformed import (
    AttestationDataNotBytes,
    AttestationMembers,
    AttestationNotMap,
    AttestationStatementNotEmpty,
    AttestationTrailing,
    AttestedDataMissing,
    TransportsMalformed,
)
from cosignet.server.webauthn.types import Attestation, RelyingParty, VerifiedCredential

TRANSPORTS_MAX = 16
TRANSPORT_CHARACTERS_MAX = 32


def parse_attestation(value: object) -> Attestation:
    """Decode a RegistrationResponseJSON (WebAuthn L3, section 5.1); unknown members are ignored.

    The members that repeat parts of the attestation object (`authenticatorData`, `publicKey`, …)
    are among those: only what is inside the object counts.

    Raises:
        CeremonyMalformed: a subclass says what, its `field` says where.
    """
    credential_id, response = parse_envelope(value)
    return Attestation(
        credential_id=credential_id,
        client_data_json=bytes_member(response, "clientDataJSON", "response.clientDataJSON"),
        attestation_object=bytes_member(
            response, "attestationObject", "response.attestationObject"
        ),
        transports=_parse_transports(response.get("transports", [])),
    )


def verify_attestation(
    attestation: Attestation, *, expected_challenge: bytes, relying_party: RelyingParty
) -> VerifiedCredential:
    """Check a registration (WebAuthn L3, section 7.1), and return the credential it made.

    1. The client data is a `webauthn.create` of our challenge on our origin, not framed.
    2. The attestation object is exactly a map of format `none`, an empty statement, and data.
    3. The authenticator data is ours, user present and verified, and holds one new credential.
    4. That credential's id is the one the answer names.
    5. Its key is of a kind we offered, and sound.

    What an attestation would prove (the maker of the passkey) is not asked for and not believed.

    Raises:
        CeremonyMalformed, CeremonyRefused: a subclass names the check.
    """
    # 1.
    verify_client_data(
        attestation.client_data_json,
        expected_type=CREATE,
        expected_challenge=expected_challenge,
        expected_origin=relying_party.origin,
    )
    # 2. and 3.
    data, attested = _read_attestation_object(attestation.attestation_object)
    verify_flags(data, expected_rp_id=relying_party.id)
    # 4.
    if attested.id != attestation.credential_id:
        raise AttestedIdWrong
    # 5.
    key = parse_public_key(attested.public_key)
    return VerifiedCredential(
        id=attested.id,
        public_key=attested.public_key,
        public_key_spki=key.spki,
        algorithm=key.algorithm,
        sign_count=data.sign_count,
        backup_eligible=data.backup_eligible,
        backed_up=data.backed_up,
        transports=attestation.transports,
        aaguid=str(uuid.UUID(bytes=attested.aaguid)),
    )


def _read_attestation_object(encoded: bytes) -> tuple[AuthenticatorData, AttestedCredential]:
    members, end = read_cbor(encoded)
    if end != len(encoded):
        raise AttestationTrailing
    if not isinstance(members, dict):
        raise AttestationNotMap
    if members.keys() != {"fmt", "attStmt", "authData"}:
        raise AttestationMembers
    # Browsers replace what they get by `none`, because that is what the options ask. Level 3 lets
    # a `packed` self attestation of an all-zero AAGUID through; it proves nothing more.
    if members["fmt"] != "none":
        raise AttestationNotNone
    if members["attStmt"] != {}:
        raise AttestationStatementNotEmpty
    if not isinstance(members["authData"], bytes):
        raise AttestationDataNotBytes
    data = parse_authenticator_data(members["authData"])
    if data.attested is None:
        raise AttestedDataMissing
    return data, data.attested


def _parse_transports(value: object) -> tuple[str, ...]:
    items = cast("list[object]", value) if isinstance(value, list) else [None]
    texts = [item for item in items if isinstance(item, str)]
    if (
        len(texts) != len(items)
        or len(texts) > TRANSPORTS_MAX
        or any(len(text) > TRANSPORT_CHARACTERS_MAX for text in texts)
    ):
        raise TransportsMalformed(field="response.transports")
    return tuple(texts)
