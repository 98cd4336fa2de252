"""Signing: from the browser's AuthenticationResponseJSON to a signature we believe."""

import hashlib

from cosignet.server.webauthn.authenticator_data import (
    ATTESTED_DATA,
    AuthenticatorData,
    parse_authenticator_data,
    verify_flags,
)
from cosignet.server.webauthn.client_data import GET, verify_client_data
from cosignet.server.webauthn.encoding import bytes_member
from cosignet.server.webauthn.envelope import members_of, parse_envelope
from cosignet.server.webauthn.errors import (
    AlgorithmChanged,
    BackupEligibilityChanged,
    CredentialIdForeign,
    CredentialNotYours,
    CredentialRevoked,
    CredentialUnknown,
    SignCountBack,
    UserHandleForeign,
    UserHandleMissing,
)
from cosignet.server.webauthn.keys import parse_public_key, verify_signed
from cosignet.server.webauthn.malformed import AttestedDataInAssertion, UserHandleLength
from cosignet.server.webauthn.types import (
    USER_HANDLE_MAX,
    Assertion,
    Credential,
    RelyingParty,
    VerifiedAssertion,
)


def credential_id(value: object) -> bytes:
    """Return which credential an AuthenticationResponseJSON says it is by; the rest is not read.

    Raises:
        CeremonyMalformed: a subclass says what, its `field` says where.
    """
    return bytes_member(members_of(value), "rawId", "rawId")


def parse_assertion(value: object) -> Assertion:
    """Decode an AuthenticationResponseJSON (WebAuthn L3, section 5.1); unknown members are ignored.

    Raises:
        CeremonyMalformed: a subclass says what, its `field` says where.
    """
    named, response = parse_envelope(value)
    return Assertion(
        credential_id=named,
        client_data_json=bytes_member(response, "clientDataJSON", "response.clientDataJSON"),
        authenticator_data=bytes_member(
            response, "authenticatorData", "response.authenticatorData"
        ),
        signature=bytes_member(response, "signature", "response.signature"),
        user_handle=_parse_user_handle(response),
    )


def verify_assertion(
    assertion: Assertion,
    *,
    expected_challenge: bytes,
    relying_party: RelyingParty,
    credential: Credential | None,
    expected_approver_id: str | None,
) -> VerifiedAssertion:
    """Check a signature (WebAuthn L3, section 7.2), and return it.

    1. The credential is known, its approver is the expected one (None: whoever it is, as when
       signing in), it is not revoked, and it is the one the answer names.
    2. The user handle is there (passkeys must send it when `allowCredentials` is empty, section
       5.2.2, and ours always is) and is the credential's.
    3. The client data is a `webauthn.get` of our challenge on our origin, not framed.
    4. The authenticator data is ours, user present and verified, with no new credential inside.
    5. Backup eligibility is what it was at registration; it can never change.
    6. The signature verifies with the credential's key, whose kind is the one recorded.
    7. The counter, if either side counts, went up. Last, so that only the passkey itself or a copy
       of it gets here: the caller flags the credential on `SignCountBack`.

    Raises:
        CeremonyMalformed, CeremonyRefused: a subclass names the check.
    """
    # 1.
    if credential is None:
        raise CredentialUnknown
    _verify_credential(assertion, credential, expected_approver_id)
    # 2.
    _verify_user_handle(assertion.user_handle, credential)
    # 3.
    verify_client_data(
        assertion.client_data_json,
        expected_type=GET,
        expected_challenge=expected_challenge,
        expected_origin=relying_party.origin,
    )
    # 4. and 5.
    data = _verify_authenticator_data(assertion, credential, relying_party)
    # 6.
    _verify_signature(assertion, credential)
    # 7.
    if (data.sign_count or credential.sign_count) and data.sign_count <= credential.sign_count:
        raise SignCountBack(f"{credential.sign_count} was followed by {data.sign_count}")
    return VerifiedAssertion(
        credential_id=credential.id,
        sign_count=data.sign_count,
        backed_up=data.backed_up,
        client_data_json=assertion.client_data_json,
        authenticator_data=assertion.authenticator_data,
        signature=assertion.signature,
    )


def _parse_user_handle(response: dict[str, object]) -> bytes | None:
    # Browsers leave it out or write null where the passkey gave none.
    if response.get("userHandle") is None:
        return None
    handle = bytes_member(response, "userHandle", "response.userHandle")
    if not 1 <= len(handle) <= USER_HANDLE_MAX:
        raise UserHandleLength(field="response.userHandle")
    return handle


def _verify_credential(
    assertion: Assertion, credential: Credential, expected_approver_id: str | None
) -> None:
    if expected_approver_id is not None and credential.approver_id != expected_approver_id:
        raise CredentialNotYours
    if credential.revoked:
        raise CredentialRevoked
    if credential.id != assertion.credential_id:
        raise CredentialIdForeign


def _verify_user_handle(handle: bytes | None, credential: Credential) -> None:
    if handle is None:
        raise UserHandleMissing
    if handle != credential.user_handle:
        raise UserHandleForeign


def _verify_authenticator_data(
    assertion: Assertion, credential: Credential, relying_party: RelyingParty
) -> AuthenticatorData:
    data = parse_authenticator_data(assertion.authenticator_data)
    if data.flags & ATTESTED_DATA:
        raise AttestedDataInAssertion
    verify_flags(data, expected_rp_id=relying_party.id)
    if data.backup_eligible != credential.backup_eligible:
        raise BackupEligibilityChanged
    return data


def _verify_signature(assertion: Assertion, credential: Credential) -> None:
    key = parse_public_key(credential.public_key)
    if key.algorithm != credential.algorithm:
        raise AlgorithmChanged
    signed = assertion.authenticator_data + hashlib.sha256(assertion.client_data_json).digest()
    verify_signed(key, signature=assertion.signature, data=signed)
