"""Credential public keys: which COSE keys we take, and how their signatures are checked.

The cryptography itself is the maintained libraries' (`webauthn`, `cryptography`); here is only
what they let through and we do not.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from webauthn.helpers import (
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
)

from cosignet.server.webauthn.cbor import CborValue, read_cbor
from cosignet.server.webauthn.errors import (
    KeyAlgorithm,
    KeyCoordinate,
    KeyCurve,
    KeyEncoding,
    KeyExponent,
    KeyNotMap,
    KeyNotOnCurve,
    KeyNumber,
    KeyParameters,
    KeyTooLarge,
    KeyTooSmall,
    KeyType,
    KeyWeak,
    SignatureMalformed,
    SignatureWrong,
)
from cosignet.server.webauthn.types import EDDSA, ES256, RS256

RSA_BITS_MIN = 2048
RSA_BITS_MAX = 4096
RSA_EXPONENT = 65537
KEYS_CACHED = 4096

# COSE labels (RFC 9052 section 7, RFC 9053 section 7, RFC 8230 section 4).
_KTY, _ALG, _CRV, _X, _Y = 1, 3, -1, -2, -3
_RSA_N, _RSA_E = -1, -2

_ECDSA_SHA256 = ECDSA(SHA256())


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the COSE key of one algorithm must look like (WebAuthn L3, section 5.8.5)."""

    key_type: int
    curve: int | None
    coordinates: tuple[int, ...]
    labels: frozenset[int | str]


_SHAPES = {
    ES256: _Shape(2, 1, (_X, _Y), frozenset({_KTY, _ALG, _CRV, _X, _Y})),
    EDDSA: _Shape(1, 6, (_X,), frozenset({_KTY, _ALG, _CRV, _X})),
    RS256: _Shape(3, None, (), frozenset({_KTY, _ALG, _RSA_N, _RSA_E})),
}

# Ed25519 (RFC 8032, section 5.1). A key of small order verifies signatures that nobody made, so
# whoever registers one could deny every approval later. Eight points have these five y.
_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_Y_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER_Y = frozenset({0, 1, _P - 1, _Y_ORDER_8, _P - _Y_ORDER_8})


_LibraryKey: TypeAlias = EllipticCurvePublicKey | Ed25519PublicKey | RSAPublicKey


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A credential's key, checked: its COSE algorithm and the library's object."""

    algorithm: int
    key: _LibraryKey

    @property
    def spki(self) -> bytes:
        """DER SubjectPublicKeyInfo (RFC 5280), what other languages' libraries read."""
        return self.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@lru_cache(maxsize=KEYS_CACHED)
def parse_public_key(cose: bytes) -> PublicKey:
    """Read a COSE key strictly. Keys are immutable, so the last ones read are kept.

    1. A map whose algorithm we offer, whose type and curve fit it, with exactly its parameters.
    2. ES256: 32-byte coordinates, uncompressed, on P-256. EdDSA: a point of Ed25519 in its one
       encoding, not of small order. RS256: 2048 to 4096 bits, exponent 65537, shortest form.

    Raises:
        CeremonyMalformed, CeremonyRefused: a subclass names the check.
    """
    # 1.
    members, _ = read_cbor(cose)
    if not isinstance(members, dict):
        raise KeyNotMap
    algorithm = members.get(_ALG)
    if not isinstance(algorithm, int) or algorithm not in _SHAPES:
        raise KeyAlgorithm
    _verify_shape(members, _SHAPES[algorithm])
    # 2.
    if algorithm == RS256:
        _verify_rsa(members)
    if algorithm == EDDSA:
        _verify_edwards(cast(bytes, members[_X]))
    return PublicKey(algorithm, _load(cose))


def verify_signed(key: PublicKey, *, signature: bytes, data: bytes) -> None:
    """Check a signature over `data`.

    ECDSA signatures are strict DER. Both values of S are taken, as WebAuthn does: passkeys do not
    normalise it, and nothing here tells answers apart by their signature's bytes.

    Raises:
        SignatureMalformed: not DER, or not of the length the key demands.
        SignatureWrong: it does not verify.
    """
    if not _well_formed(key, signature):
        raise SignatureMalformed
    try:
        _verify(key, signature, data)
    except InvalidSignature:
        raise SignatureWrong from None


def _verify_shape(members: dict[int | str, CborValue], shape: _Shape) -> None:
    if not _same(members.get(_KTY), shape.key_type):
        raise KeyType
    if members.keys() != shape.labels:
        raise KeyParameters
    if shape.curve is not None and not _same(members[_CRV], shape.curve):
        raise KeyCurve
    for label in shape.coordinates:
        coordinate = members[label]
        # A compressed point has a boolean for its y; WebAuthn forbids it.
        if not isinstance(coordinate, bytes) or len(coordinate) != 32:
            raise KeyCoordinate


def _same(value: CborValue, expected: int) -> bool:
    # In Python, true equals 1: a key type or curve that is `true` is not one.
    return not isinstance(value, bool) and value == expected


def _verify_rsa(members: dict[int | str, CborValue]) -> None:
    modulus = _number(members[_RSA_N])
    if modulus.bit_length() < RSA_BITS_MIN:
        raise KeyTooSmall
    if modulus.bit_length() > RSA_BITS_MAX:
        raise KeyTooLarge
    exponent = _number(members[_RSA_E])
    if exponent != RSA_EXPONENT:
        raise KeyExponent


def _number(value: CborValue) -> int:
    if not isinstance(value, bytes) or value[:1] in (b"", b"\0"):
        raise KeyNumber
    return int.from_bytes(value, "big")


def _verify_edwards(encoded: bytes) -> None:
    y = int.from_bytes(encoded, "little") & (2**255 - 1)
    if y in _SMALL_ORDER_Y:
        raise KeyWeak
    # x² = (y² - 1) / (d·y² + 1) must be a square (Euler's criterion), and y below the prime:
    # the library finds out only when it verifies, and then says "wrong signature".
    x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    if y >= _P or pow(x_squared, (_P - 1) // 2, _P) != 1:
        raise KeyEncoding


def _load(cose: bytes) -> _LibraryKey:
    try:
        key = decoded_public_key_to_cryptography(decode_credential_public_key(cose))
    except ValueError:
        raise KeyNotOnCurve from None
    # The library knows further kinds of keys; _verify_shape let none of them come here.
    return cast(_LibraryKey, key)


def _verify(key: PublicKey, signature: bytes, data: bytes) -> None:
    # RFC 9053, section 2; RFC 8812, section 2.
    if key.algorithm == ES256:
        cast(EllipticCurvePublicKey, key.key).verify(signature, data, _ECDSA_SHA256)
    elif key.algorithm == EDDSA:
        cast(Ed25519PublicKey, key.key).verify(signature, data)
    else:
        cast(RSAPublicKey, key.key).verify(signature, data, PKCS1v15(), SHA256())


def _well_formed(key: PublicKey, signature: bytes) -> bool:
    if key.algorithm == RS256:
        return len(signature) == (cast(RSAPublicKey, key.key).key_size + 7) // 8
    if key.algorithm == EDDSA:
        return len(signature) == 64
    try:
        decode_dss_signature(signature)
    except ValueError:
        return False
    return True
