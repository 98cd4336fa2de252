"""clientDataJSON: what the browser says was asked, and on which page."""

import hmac

from cosignet.core.encoding import base64url
from cosignet.core.errors import (
    BodyNotJson,
    PayloadByteOrderMark,
    PayloadDuplicateKey,
    PayloadNotUtf8,
    PayloadRefused,
)
from cosignet.core.jsontext import JsonValue, parse_json
from cosignet.server.webauthn.encoding import as_object
from cosignet.server.webauthn.errors import (
    CeremonyTypeWrong,
    ChallengeNotOurs,
    CrossOriginTrue,
    OriginWrong,
    TokenBindingPresent,
    TopOriginPresent,
)
from cosignet.server.webauthn.malformed import (
    ClientDataByteOrderMark,
    ClientDataDuplicateKey,
    ClientDataMember,
    ClientDataNotJson,
    ClientDataNotObject,
    ClientDataNotUtf8,
    CrossOriginNotBoolean,
)

CREATE = "webauthn.create"
GET = "webauthn.get"


def verify_client_data(
    data: bytes, *, expected_type: str, expected_challenge: bytes, expected_origin: str
) -> None:
    """Check the browser's part of a ceremony (WebAuthn L3, sections 7.1 and 7.2).

    1. Strict JSON: an object, UTF-8 without byte order mark, no key twice.
    2. `type` is the ceremony's: a registration never passes for a signature, nor the other way.
    3. `challenge` is exactly ours, in its one spelling, compared in constant time.
    4. `origin` is exactly ours, character for character.
    5. Not framed: there is no `topOrigin`, and `crossOrigin` is absent or false.
    6. `tokenBinding` is not "present": Level 3 reserves the member and Level 2 demands to match it
       with the connection, which nobody can; other values say nothing and are let pass.

    Raises:
        CeremonyMalformed, CeremonyRefused: a subclass names the check.
    """
    # 1.
    members = as_object(_parse(data))
    if members is None:
        raise ClientDataNotObject
    # 2.
    ceremony = _text(members, "type")
    if ceremony != expected_type:
        raise CeremonyTypeWrong
    # 3.
    challenge = _text(members, "challenge").encode()
    if not hmac.compare_digest(challenge, base64url(expected_challenge).encode()):
        raise ChallengeNotOurs
    # 4.
    origin = _text(members, "origin")
    if origin != expected_origin:
        raise OriginWrong
    # 5.
    _verify_top_level(members)
    # 6.
    binding = as_object(members.get("tokenBinding"))
    if binding is not None and binding.get("status") == "present":
        raise TokenBindingPresent


def _verify_top_level(members: dict[str, object]) -> None:
    if "topOrigin" in members:
        raise TopOriginPresent
    cross_origin = members.get("crossOrigin", False)
    if cross_origin is True:
        raise CrossOriginTrue
    if cross_origin is not False:
        raise CrossOriginNotBoolean


def _parse(data: bytes) -> JsonValue:
    try:
        return parse_json(data)
    except PayloadDuplicateKey as refusal:
        raise ClientDataDuplicateKey(refusal.detail) from None
    except PayloadByteOrderMark:
        raise ClientDataByteOrderMark from None
    except PayloadNotUtf8 as refusal:
        raise ClientDataNotUtf8(refusal.detail) from None
    except (BodyNotJson, PayloadRefused) as refusal:
        raise ClientDataNotJson(refusal.detail) from None


def _text(members: dict[str, object], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str):
        raise ClientDataMember(name)
    return value
