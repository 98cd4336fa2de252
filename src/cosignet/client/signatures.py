"""Whether a passkey's signature is a key's: ES256, EdDSA (Ed25519) and RS256, and no other.

Keys and signatures are read strictly here, whoever does the arithmetic then: `cryptography` where
it is installed, else this package; it verifies only, so there is no secret that could be timed.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import NewType

from cosignet.client import curve25519, p256

try:
    from cosignet.client import library
except ImportError:  # cryptography is not installed
    library = None

ES256 = -7
EDDSA = -8
RS256 = -257
RSA_BITS = range(2048, 4096 + 1)
RSA_EXPONENT = 65537

# DER SubjectPublicKeyInfo (RFC 5480, RFC 8410, RFC 3279): all but the key itself never varies.
_ES256_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
EDDSA_HEAD = bytes.fromhex("302a300506032b6570032100")
_RSA_ALGORITHM = bytes.fromhex("300d06092a864886f70d0101010500")
# RFC 8017, section 9.2: DigestInfo of SHA-256.
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
_INTEGER, _BIT_STRING, _SEQUENCE = 0x02, 0x03, 0x30

Verified = NewType("Verified", bytes)
"""Data whose signature was verified."""


class SignatureRefused(ValueError):
    """The key or the signature is not acceptable; the text says why."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that was read from its DER SubjectPublicKeyInfo; `numbers` depend on the algorithm."""

    algorithm: int
    spki: bytes
    numbers: tuple[int, int] = (0, 0)
    point: curve25519.Point = curve25519.NEUTRAL


Arithmetic = Callable[[PublicKey, bytes, bytes], bool]
"""Whether a signature over some data is a key's."""


def parse_key(algorithm: int, spki: bytes) -> PublicKey:
    """Read a DER SubjectPublicKeyInfo in its one encoding.

    Raises:
        SignatureRefused: it is none of that algorithm, or not sound.
    """
    if algorithm == ES256:
        return _parse_es256(spki)
    if algorithm == EDDSA and len(spki) == 44 and spki.startswith(EDDSA_HEAD):
        return _parse_eddsa(spki)
    if algorithm == RS256:
        return _parse_rs256(spki)
    raise SignatureRefused("no key of ES256, EdDSA or RS256")


def by_hand(key: PublicKey, signature: bytes, data: bytes) -> bool:
    """Do the arithmetic here."""
    fits = {ES256: _fits_es256, EDDSA: _fits_eddsa, RS256: _fits_rs256}[key.algorithm]
    return fits(key, signature, data)


ARITHMETIC: Arithmetic = library.signature_fits if library else by_hand


def verify_signature(
    key: PublicKey, *, signature: bytes, data: bytes, fits: Arithmetic = ARITHMETIC
) -> Verified:
    """Return the data once its signature is verified.

    Raises:
        SignatureRefused: the signature is malformed, or another's.
    """
    if key.algorithm == ES256:
        _two_integers(signature)  # in DER, whatever else a library would take
    if not fits(key, signature, data):
        raise SignatureRefused("the signature is not this key's")
    return Verified(data)


def _parse_es256(spki: bytes) -> PublicKey:
    if len(spki) != len(_ES256_HEAD) + 64 or not spki.startswith(_ES256_HEAD):
        raise SignatureRefused("no uncompressed key of P-256")
    x, y = int.from_bytes(spki[-64:-32], "big"), int.from_bytes(spki[-32:], "big")
    if not p256.is_on_curve(x, y):
        raise SignatureRefused("no point of P-256")
    return PublicKey(ES256, spki, (x, y))


def _parse_eddsa(spki: bytes) -> PublicKey:
    point = curve25519.parse_key(spki[len(EDDSA_HEAD) :])
    if point is None:
        raise SignatureRefused("no sound point of Ed25519")
    return PublicKey(EDDSA, spki, point=point)


def _parse_rs256(spki: bytes) -> PublicKey:
    outer = _only(spki, _SEQUENCE)
    if not outer.startswith(_RSA_ALGORITHM):
        raise SignatureRefused("no RSA key")
    bits = _only(outer[len(_RSA_ALGORITHM) :], _BIT_STRING)
    modulus, exponent = _two_integers(bits[1:])
    if bits[:1] != b"\0" or modulus.bit_length() not in RSA_BITS or exponent != RSA_EXPONENT:
        raise SignatureRefused("an RSA key of another size or exponent")
    return PublicKey(RS256, spki, (modulus, exponent))


def _fits_es256(key: PublicKey, signature: bytes, data: bytes) -> bool:
    r, s = _two_integers(signature)
    return p256.signature_fits(*key.numbers, r, s, data)


def _fits_eddsa(key: PublicKey, signature: bytes, data: bytes) -> bool:
    return curve25519.signature_fits(key.spki[len(EDDSA_HEAD) :], key.point, signature, data)


def _fits_rs256(key: PublicKey, signature: bytes, data: bytes) -> bool:
    """RFC 8017, section 8.2.2: what the signature encodes is made again, and compared whole."""
    modulus, exponent = key.numbers
    size = (modulus.bit_length() + 7) // 8
    number = int.from_bytes(signature, "big")
    if len(signature) != size or number >= modulus:
        return False
    info = _SHA256_INFO + hashlib.sha256(data).digest()
    padded = b"\0\1" + b"\xff" * (size - len(info) - 3) + b"\0" + info
    return pow(number, exponent, modulus).to_bytes(size, "big") == padded


def _two_integers(der: bytes) -> tuple[int, int]:
    inner = _only(der, _SEQUENCE)
    first, rest = _element(inner, _INTEGER)
    return _positive(first), _positive(_only(rest, _INTEGER))


def _positive(content: bytes) -> int:
    # DER (X.690, section 8.3): shortest, and the first bit is the sign.
    if not content or content[0] & 0x80 or (content[0] == 0 and content[1:2] < b"\x80"):
        raise SignatureRefused("no positive integer in DER")
    return int.from_bytes(content, "big")


def _only(der: bytes, tag: int) -> bytes:
    content, rest = _element(der, tag)
    if rest:
        raise SignatureRefused("bytes follow")
    return content


def _element(der: bytes, tag: int) -> tuple[bytes, bytes]:
    """Take one element off: its content, and what follows. Lengths are in their shortest form."""
    if len(der) < 2 or der[0] != tag:
        raise SignatureRefused("not the DER that was expected")
    start, length = 2, der[1]
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start], "big")
        if start not in (3, 4) or length < (0x80, 0x100)[start - 3]:
            raise SignatureRefused("a length that is not DER")
    if len(der) < start + length:
        raise SignatureRefused("cut off")
    return der[start : start + length], der[start + length :]
