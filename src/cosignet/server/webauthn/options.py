"""The dictionaries that ask a browser for a new passkey or for a signature."""

from collections.abc import Sequence

from cosignet.core.encoding import base64url
from cosignet.server.webauthn.types import ALGORITHMS, RelyingParty

REGISTRATION_TIMEOUT_MS = 300_000
"""Milliseconds a person has for creating a passkey (WebAuthn L3, section 15.1: 5 to 10 minutes)."""


def creation_options(
    rp: RelyingParty,
    *,
    challenge: bytes,
    user_handle: bytes,
    username: str,
    exclude: Sequence[bytes] = (),
) -> dict[str, object]:
    """Return PublicKeyCredentialCreationOptionsJSON for a discoverable, user-verifying passkey.

    `exclude` are the credential ids the approver has already; their keepers will not make another.
    """
    return {
        "rp": {"id": rp.id, "name": "Cosignet"},
        "user": {"id": base64url(user_handle), "name": username, "displayName": username},
        "challenge": base64url(challenge),
        "pubKeyCredParams": [{"type": "public-key", "alg": alg} for alg in ALGORITHMS],
        "timeout": REGISTRATION_TIMEOUT_MS,
        "excludeCredentials": [{"type": "public-key", "id": base64url(id_)} for id_ in exclude],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
    }


def request_options(rp: RelyingParty, *, challenge: bytes, timeout_ms: int) -> dict[str, object]:
    """Return PublicKeyCredentialRequestOptionsJSON.

    `allowCredentials` stays empty: whoever holds a link must not learn which passkeys exist, so
    every passkey has to be discoverable and says itself whose it is (its user handle).
    """
    return {
        "challenge": base64url(challenge),
        "rpId": rp.id,
        "timeout": timeout_ms,
        "userVerification": "required",
        "allowCredentials": [],
    }
