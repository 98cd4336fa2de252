"""Keys and codes: minted from random bytes, kept as hashes, or sealed where they are shown again.

Every secret carries 256 random bits, so a plain SHA-256 is a sufficient password hash for it
(NIST SP 800-63B, section 5.1.1.2 asks for slow hashes of what people choose, which these are not).
"""

import hashlib
import hmac
import os
from collections.abc import Callable

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cosignet.core.encoding import base64url, base64url_decode
from cosignet.core.errors import Unavailable

SECRET_BYTES = 32
API_KEY_START = "cosk_"
CODE_START = "c_"
PREFIX_CHARACTERS = len(API_KEY_START) + 6
_NONCE_BYTES = 12
_BLOCK_BYTES = 1024


class Randomness:
    """Unpredictable bytes from the system's source, drawn a block at a time and each given once.

    A call to the system lets go of the interpreter's lock, which another thread then fights for:
    that costs many times what the bytes do.
    """

    def __init__(self, draw: Callable[[int], bytes]) -> None:
        """Take what draws that many bytes, such as `os.urandom`."""
        self._draw = draw
        self._block = b""
        self._given = 0
        """How many bytes of the block."""
        # Two processes must never be given the same bytes.
        os.register_at_fork(after_in_child=self._forget)

    def __call__(self, count: int) -> bytes:
        """Return that many bytes."""
        begin = self._given
        self._given = end = begin + count
        given = self._block[begin:end]
        if len(given) < count:
            self._block, self._given = self._draw(max(count, _BLOCK_BYTES)), count
            given = self._block[:count]
        return given

    def _forget(self) -> None:
        self._block, self._given = b"", 0


def mint_api_key(random: bytes) -> str:
    """Write 32 random bytes as an API key; its start lets scanners recognise a leaked one."""
    return API_KEY_START + base64url(random)


def mint_code(random: bytes) -> str:
    """Write 32 random bytes as an invite code or page token."""
    # Begins with a letter: a command line takes a leading hyphen for an option.
    return CODE_START + base64url(random)


def webhook_purpose(webhook_id: str) -> str:
    """Return what a webhook's secrets are sealed for: that webhook, and no other."""
    return f"webhook-secret {webhook_id}"


def digest(secret: str) -> bytes:
    """Return what is stored instead of a secret, and looked up by."""
    return hashlib.sha256(secret.encode()).digest()


def digest_for(subject: str, secret: str) -> bytes:
    """Return what is stored of a secret that shows something of one subject (its id).

    The same secret leaves other bytes with each of them: rows do not tell that it was the same.
    """
    return digest(f"{subject}\n{secret}")


def prove(secret: str, random: bytes) -> str:
    """Write a text that shows one knows a secret; with fresh random bytes another one each time.

    So it can stand in a compressed page, whose length would give a constant text away byte by byte
    (BREACH, 2013).
    """
    proof = hashlib.sha256(random + secret.encode()).digest()
    return f"{base64url(random)}.{base64url(proof)}"


def proves(text: str, secret: str) -> bool:
    """Whether a text shows that its author knew a secret."""
    try:
        random = base64url_decode(text.partition(".")[0])
    except ValueError:
        return False
    return hmac.compare_digest(prove(secret, random).encode(), text.encode())


class Sealer:
    """Seals what must be readable again (AES-256-GCM); the purpose is bound as associated data."""

    def __init__(self, key: bytes) -> None:
        """Take a 32-byte key."""
        self._aead = AESGCM(key)
        self.key_id = hashlib.sha256(b"cosignet/encryption-key/v1\n" + key).hexdigest()[:16]

    def seal(self, plain: bytes, *, purpose: str, nonce: bytes) -> bytes:
        """Seal under a fresh 12-byte random nonce, which is stored in front."""
        return nonce + self._aead.encrypt(nonce, plain, purpose.encode())

    def unseal(self, sealed: bytes, *, purpose: str) -> bytes:
        """Return what was sealed for this purpose.

        Raises:
            Unavailable: it was sealed under another key, for another purpose, or was changed.
        """
        nonce, box = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._aead.decrypt(nonce, box, purpose.encode())
        except InvalidTag:
            raise Unavailable("a stored secret cannot be unsealed") from None


class SigningKey:
    """An Ed25519 key, made from its 32-byte seed (RFC 8032, section 5.1.5)."""

    def __init__(self, seed: bytes) -> None:
        """Take a seed of 32 bytes."""
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key = self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """Return the signature, 64 bytes; always the same for one message."""
        return self._key.sign(message)


def check_ed25519(public_key: bytes, signature: bytes, message: bytes) -> None:
    """Check an Ed25519 signature.

    Raises:
        ValueError: it is wrong, or the key is none.
    """
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except InvalidSignature:
        raise ValueError("the signature is wrong") from None


def ed25519_pem(public_key: bytes) -> str:
    """Write an Ed25519 public key as PEM of its SubjectPublicKeyInfo (RFC 8410)."""
    key = Ed25519PublicKey.from_public_bytes(public_key)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
