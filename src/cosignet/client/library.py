"""The arithmetic of signatures by `cryptography`; without it this module cannot be imported.

Keys and signatures were read strictly before they come here (`client/signatures.py`).
"""

from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key


class Key(Protocol):
    """What a key is here: its DER SubjectPublicKeyInfo."""

    @property
    def spki(self) -> bytes:
        """The bytes."""
        ...


def signature_fits(key: Key, signature: bytes, data: bytes) -> bool:
    """Whether the signature is that key's."""
    loaded = load_der_public_key(key.spki)
    try:
        if isinstance(loaded, EllipticCurvePublicKey):
            loaded.verify(signature, data, ECDSA(SHA256()))
        elif isinstance(loaded, Ed25519PublicKey):
            loaded.verify(signature, data)
        elif isinstance(loaded, RSAPublicKey):
            loaded.verify(signature, data, PKCS1v15(), SHA256())
        else:
            return False
    except InvalidSignature:
        return False
    return True
