"""Answers of a registered software passkey, each with all that it is verified against."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Unpack

from tests.authenticator import ES256, OWN, Authenticator, Marker, Tamper, cbor

from cosignet.server.webauthn import (
    Credential,
    RelyingParty,
    creation_options,
    request_options,
)

RP = RelyingParty("localhost", "http://localhost:8000")
CHALLENGE = bytes(range(100, 148))
REGISTRATION_CHALLENGE = bytes(range(32))
USER_HANDLE = bytes(range(200, 232))


@dataclass(frozen=True)
class Attempt:
    """One answer, and all that it is verified against."""

    value: Any
    registration: bool = False
    credential: Credential | None = None
    approver_id: str | None = "alice"
    challenge: bytes = CHALLENGE

    def run(self, layer: Any) -> object:
        """Parse and verify with a copy of the layer; return its value or raise its refusal."""
        if self.registration:
            return layer.verify_attestation(
                layer.parse_attestation(self.value),
                expected_challenge=REGISTRATION_CHALLENGE,
                relying_party=RP,
            )
        return layer.verify_assertion(
            layer.parse_assertion(self.value),
            expected_challenge=self.challenge,
            relying_party=RP,
            credential=self.credential,
            expected_approver_id=self.approver_id,
        )


@cache
def passkey(algorithm: int = ES256) -> Authenticator:
    """Return a passkey that is registered already, one per algorithm."""
    made = Authenticator(algorithm)
    made.register(registration_options(), origin=RP.origin)
    return made


def stored(kind: int = ES256, **changes: Any) -> Credential:
    """Return what the store would know about that passkey."""
    made = passkey(kind)
    credential = Credential(
        id=made.credential_id,
        approver_id="alice",
        user_handle=USER_HANDLE,
        public_key=cbor(made.cose),
        algorithm=kind,
        sign_count=0,
        backup_eligible=True,
        revoked=False,
    )
    return credential._replace(**changes)


def registration_options() -> dict[str, object]:
    """Return the options every registration here answers."""
    return creation_options(
        RP, challenge=REGISTRATION_CHALLENGE, user_handle=USER_HANDLE, username="alice", exclude=()
    )


def registration(algorithm: int = ES256, **tamper: Unpack[Tamper]) -> Attempt:
    """Register a passkey, tampered with."""
    value = passkey(algorithm).register(registration_options(), origin=RP.origin, **tamper)
    return Attempt(value, registration=True)


def assertion(
    algorithm: int = ES256,
    *,
    origin: str = RP.origin,
    user_handle: bytes | Marker | None = OWN,
    stored_as: dict[str, Any] | None = None,
    **tamper: Unpack[Tamper],
) -> Attempt:
    """Sign the challenge with a passkey, tampered with."""
    options = request_options(RP, challenge=CHALLENGE, timeout_ms=60_000)
    value = passkey(algorithm).sign(options, origin=origin, user_handle=user_handle, **tamper)
    return Attempt(value, credential=stored(algorithm, **(stored_as or {})))


def outcome(layer: Any, made: Attempt) -> object:
    """Return the class of what a copy of the layer raised, or "accepted"."""
    try:
        made.run(layer)
    except Exception as error:
        return type(error)
    return "accepted"
