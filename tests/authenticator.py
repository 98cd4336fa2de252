"""A software passkey: real keys, real signatures, and a knob to tamper with every part.

    passkey = Authenticator()                                  # or algorithm=EDDSA, RS256
    credential = passkey.register(creation_options, origin="http://localhost:8000")
    credential = passkey.sign(request_options, origin="http://localhost:8000")

Both take and give the browser's JSON dictionaries. Every knob is a keyword of `Tamper`; a knob
that edits an object maps names to a new value, to ABSENT, or to a function of the old value:

    passkey.sign(options, origin=origin, client_data={"crossOrigin": True})
    passkey.sign(options, origin=origin, response={"signature": lambda text: text + "="})
    passkey.sign(options, origin=origin, flags_off=USER_VERIFIED)

What is edited before signing is signed as edited, as a broken or hostile passkey would do it.
"""

import base64
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property, lru_cache
from typing import Any, Final, TypedDict, TypeVar, Unpack, cast

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ES256: Final = -7
EDDSA: Final = -8
RS256: Final = -257

USER_PRESENT = 0x01
RESERVED_1 = 0x02
USER_VERIFIED = 0x04
BACKUP_ELIGIBLE = 0x08
BACKED_UP = 0x10
RESERVED_5 = 0x20
ATTESTED_DATA = 0x40
EXTENSION_DATA = 0x80


class Marker(Enum):
    """Values that stand for something JSON cannot say."""

    ABSENT = "takes a member away"
    OWN = "the passkey's own"


ABSENT: Final = Marker.ABSENT
OWN: Final = Marker.OWN
_K = TypeVar("_K")


class Raw(bytes):
    """Bytes that go into CBOR as they are, already encoded or deliberately broken."""


class Tamper(TypedDict, total=False):
    """Every part of an answer that can be made wrong."""

    client_data: Mapping[str, object]
    """Members of the client data."""
    client_data_bytes: Callable[[bytes], bytes]
    """The client data's bytes, signed as returned."""
    rp_id: str
    """The relying party the passkey believes in."""
    flags_on: int
    flags_off: int
    sign_count: int
    extensions: object
    """CBOR value of the extension outputs; sets the ED flag."""
    attested: bool
    """Whether authenticator data carries a credential; default: only at registration."""
    attested_id: bytes
    """The credential id inside authenticator data."""
    key: Mapping[int | str, object]
    """Members of the COSE key."""
    key_bytes: Callable[[bytes], bytes]
    authenticator_data: Callable[[bytes], bytes]
    """Authenticator data, signed as returned."""
    attestation: Mapping[str, object]
    """Members of the attestation object: fmt, attStmt, authData."""
    attestation_bytes: Callable[[bytes], bytes]
    signer: "Authenticator"
    """Another passkey, whose key signs instead."""
    signature: Callable[[bytes], bytes]
    members: Mapping[str, object]
    """Members of the outer object: id, rawId, type, response, clientExtensionResults."""
    response: Mapping[str, object]
    """Members of its response, as base64url texts."""


@dataclass
class Authenticator:
    """One passkey. Registering again gives the same credential again, which no real one does."""

    algorithm: int = ES256
    backup_eligible: bool = True
    backed_up: bool = True
    counting: bool = False
    """Whether the signature counter counts; synced passkeys leave it at 0."""
    aaguid: bytes = bytes(16)
    credential_id: bytes = field(default_factory=lambda: os.urandom(32))
    user_handle: bytes | None = None
    """Set by register()."""
    rp_id: str = ""
    """Set by register()."""
    count: int = 0

    @cached_property
    def private_key(
        self,
    ) -> ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey:
        """The key; the RSA one is shared by all that ask for 2048 bits, it takes long to make."""
        if self.algorithm == ES256:
            return ec.generate_private_key(ec.SECP256R1())
        if self.algorithm == EDDSA:
            return ed25519.Ed25519PrivateKey.generate()
        return rsa_key(2048)

    def register(
        self, options: Mapping[str, Any], *, origin: str, **tamper: Unpack[Tamper]
    ) -> dict[str, Any]:
        """Create the credential that PublicKeyCredentialCreationOptionsJSON ask for."""
        self.rp_id = options["rp"]["id"]
        self.user_handle = unbase64url(options["user"]["id"])
        client_data = _client_data("webauthn.create", options, origin, tamper)
        data = self._authenticator_data(tamper, attested=True)
        attestation = edited(
            {"fmt": "none", "attStmt": {}, "authData": data}, tamper.get("attestation")
        )
        encoded = tamper.get("attestation_bytes", bytes)(cbor(attestation))
        response = {
            "clientDataJSON": base64url(client_data),
            "attestationObject": base64url(encoded),
            "transports": ["internal"],
            "authenticatorData": base64url(data),
            "publicKeyAlgorithm": self.algorithm,
            "publicKey": base64url(self.spki),
        }
        return self._credential(response, tamper)

    def sign(
        self,
        options: Mapping[str, Any],
        *,
        origin: str,
        user_handle: bytes | Marker | None = OWN,
        **tamper: Unpack[Tamper],
    ) -> dict[str, Any]:
        """Sign the challenge of PublicKeyCredentialRequestOptionsJSON."""
        self.rp_id = self.rp_id or options["rpId"]
        self.count += self.counting
        handle = self.user_handle if isinstance(user_handle, Marker) else user_handle
        client_data = _client_data("webauthn.get", options, origin, tamper)
        data = self._authenticator_data(tamper, attested=False)
        signed = data + hashlib.sha256(client_data).digest()
        signature = tamper.get("signer", self).sign_bytes(signed)
        response = {
            "clientDataJSON": base64url(client_data),
            "authenticatorData": base64url(data),
            "signature": base64url(tamper.get("signature", bytes)(signature)),
            "userHandle": None if handle is None else base64url(handle),
        }
        return self._credential(response, tamper)

    @property
    def cose(self) -> dict[int | str, object]:
        """The public key as members of a COSE key."""
        key = self.private_key.public_key()
        if isinstance(key, ec.EllipticCurvePublicKey):
            point = key.public_numbers()
            x, y = point.x.to_bytes(32, "big"), point.y.to_bytes(32, "big")
            return {1: 2, 3: ES256, -1: 1, -2: x, -3: y}
        if isinstance(key, ed25519.Ed25519PublicKey):
            return {1: 1, 3: EDDSA, -1: 6, -2: key.public_bytes_raw()}
        numbers = key.public_numbers()
        return {1: 3, 3: RS256, -1: shortest(numbers.n), -2: shortest(numbers.e)}

    @property
    def spki(self) -> bytes:
        """The public key as DER SubjectPublicKeyInfo."""
        return self.private_key.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )

    def sign_bytes(self, data: bytes) -> bytes:
        """Sign bytes as the credential's algorithm does."""
        key = self.private_key
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return key.sign(data, ec.ECDSA(SHA256()))
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return key.sign(data)
        return key.sign(data, padding.PKCS1v15(), SHA256())

    def _authenticator_data(self, tamper: Tamper, *, attested: bool) -> bytes:
        attested = tamper.get("attested", attested)
        flags = USER_PRESENT | USER_VERIFIED
        flags |= BACKUP_ELIGIBLE * self.backup_eligible | BACKED_UP * self.backed_up
        flags |= ATTESTED_DATA * attested | EXTENSION_DATA * ("extensions" in tamper)
        flags = (flags | tamper.get("flags_on", 0)) & ~tamper.get("flags_off", 0)
        data = hashlib.sha256(tamper.get("rp_id", self.rp_id).encode()).digest()
        data += bytes([flags]) + tamper.get("sign_count", self.count).to_bytes(4, "big")
        if attested:
            data += self._attested_data(tamper)
        if "extensions" in tamper:
            data += cbor(tamper["extensions"])
        return tamper.get("authenticator_data", bytes)(data)

    def _attested_data(self, tamper: Tamper) -> bytes:
        key = cbor(edited(self.cose, tamper.get("key")))
        inner_id = tamper.get("attested_id", self.credential_id)
        header = self.aaguid + len(inner_id).to_bytes(2, "big")
        return header + inner_id + tamper.get("key_bytes", bytes)(key)

    def _credential(self, response: dict[str, Any], tamper: Tamper) -> dict[str, Any]:
        credential = {
            "id": base64url(self.credential_id),
            "rawId": base64url(self.credential_id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": edited(response, tamper.get("response")),
        }
        return edited(credential, tamper.get("members"))


@lru_cache
def rsa_key(bits: int, exponent: int = 65537, which: int = 0) -> rsa.RSAPrivateKey:
    """Make an RSA key once for all tests; another `which` is another key."""
    return rsa.generate_private_key(exponent, bits)


def edited(value: Mapping[_K, Any], edits: Mapping[_K, Any] | None) -> dict[_K, Any]:
    """Return a copy with members replaced, taken away (ABSENT) or changed by a function."""
    members = dict(value)
    for name, edit in (edits or {}).items():
        if edit is ABSENT:
            members.pop(name, None)
        else:
            members[name] = edit(members[name]) if callable(edit) else edit
    return members


def base64url(data: bytes) -> str:
    """Write unpadded base64url."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unbase64url(text: str) -> bytes:
    """Read unpadded base64url."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def shortest(number: int) -> bytes:
    """Write a positive number without leading zeros."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def cbor(value: object) -> bytes:
    """Write CBOR in the shortest form, keys in the order given; `Raw` bytes go in as they are."""
    match value:
        case Raw():
            return bytes(value)
        case None | bool():
            return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value]
        case int():
            return _cbor_head(0, value) if value >= 0 else _cbor_head(1, -1 - value)
        case bytes():
            return _cbor_head(2, len(value)) + value
        case str():
            return _cbor_head(3, len(value.encode())) + value.encode()
        case list():
            items = cast("list[object]", value)
            return _cbor_head(4, len(items)) + b"".join(map(cbor, items))
        case dict():
            members = cast("dict[object, object]", value)
            pairs = (cbor(key) + cbor(item) for key, item in members.items())
            return _cbor_head(5, len(members)) + b"".join(pairs)
        case _:
            raise TypeError(type(value).__name__)


def _cbor_head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes([major << 5 | argument])
    info = next(info for info in range(4) if argument < 1 << (8 << info))
    return bytes([major << 5 | 24 + info]) + argument.to_bytes(1 << info, "big")


def _client_data(type_: str, options: Mapping[str, Any], origin: str, tamper: Tamper) -> bytes:
    members = {
        "type": type_,
        "challenge": options["challenge"],
        "origin": origin,
        "crossOrigin": False,
    }
    members = edited(members, tamper.get("client_data"))
    text = json.dumps(members, separators=(",", ":"), ensure_ascii=False)
    return tamper.get("client_data_bytes", bytes)(text.encode())
