"""A passkey's answer in a body: how the API's description shows it.

Bodies take any object: browsers add members, and `server/webauthn` reads the rest so strictly that
each thing that is wrong has a code of its own. This only tells what it asks for (WebAuthn Level 3,
section 5.1, `RegistrationResponseJSON` and `AuthenticationResponseJSON`).
"""

from typing import Annotated, Any

from pydantic import WithJsonSchema

from cosignet.server.webauthn.encoding import MEMBER_CHARACTERS_MAX

_BYTES: dict[str, Any] = {
    "type": "string",
    "pattern": "^[A-Za-z0-9_-]+$",
    "maxLength": MEMBER_CHARACTERS_MAX,
    "description": "base64url without padding",
}


def _public_key_credential(*required: str, **optional: Any) -> dict[str, Any]:
    response = {
        "type": "object",
        "properties": dict.fromkeys(required, _BYTES) | optional,
        "required": [*required],
    }
    return {
        "type": "object",
        "properties": {
            "id": _BYTES,
            "rawId": _BYTES,
            "type": {"const": "public-key"},
            "response": response,
            "clientExtensionResults": {"type": "object"},
        },
        "required": ["id", "rawId", "type", "response"],
    }


_ASSERTION = _public_key_credential(
    "clientDataJSON",
    "authenticatorData",
    "signature",
    userHandle={"anyOf": [_BYTES, {"type": "null"}]},
)
_REGISTRATION = _public_key_credential(
    "clientDataJSON",
    "attestationObject",
    transports={"type": "array", "items": {"type": "string"}},
)

Assertion = Annotated[dict[str, object], WithJsonSchema(_ASSERTION)]
"""What `AuthenticationResponseJSON` is."""
Registration = Annotated[dict[str, object], WithJsonSchema(_REGISTRATION)]
"""What `RegistrationResponseJSON` is."""
