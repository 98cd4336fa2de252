"""Whose signature it is: by our own arithmetic and a library's, against what others collected."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.authenticator import EDDSA, ES256, RS256, Authenticator, rsa_key
from tests.test_vectors import Case, each

from cosignet.client import library, signatures
from cosignet.client.signatures import (
    Arithmetic,
    SignatureRefused,
    by_hand,
    parse_key,
    verify_signature,
)

FOLDER = Path(os.environ.get("TEST_VECTORS_DIR", "TEST_VECTORS_DIR"), "wycheproof")
FILES = {
    "ecdsa_secp256r1_sha256_test": ES256,
    "ed25519_test": EDDSA,
    "rsa_signature_2048_sha256_test": RS256,
    "rsa_signature_3072_sha256_test": RS256,
    "rsa_signature_4096_sha256_test": RS256,
}
EXPONENT_3 = 3
ALGORITHMS = [ES256, EDDSA, RS256]


@pytest.fixture(params=[by_hand, library.signature_fits], ids=["by hand", "by library"])
def fits(request: pytest.FixtureRequest) -> Arithmetic:
    return request.param


def accepts(fits: Arithmetic, algorithm: int, spki: bytes, signature: bytes, data: bytes) -> bool:
    try:
        verify_signature(parse_key(algorithm, spki), signature=signature, data=data, fits=fits)
    except SignatureRefused:
        return False
    return True


def test_the_library_is_taken_where_it_is_installed() -> None:
    assert signatures.ARITHMETIC is library.signature_fits


@each("signature")
def test_a_signature_is_that_keys_or_is_refused(case: Case, fits: Arithmetic) -> None:
    inputs = case["inputs"]
    spki, signature, data = (
        bytes.fromhex(inputs[name]) for name in ("publicKeySpki", "signature", "data")
    )
    assert accepts(fits, inputs["algorithm"], spki, signature, data) == ("want" in case)


@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"Wycheproof's files are not in {FOLDER}")
@pytest.mark.parametrize("name", FILES)
def test_wycheproofs_cases_are_judged_as_it_says(name: str, fits: Arithmetic) -> None:
    path = FOLDER / f"{name}.json"
    algorithm = FILES[name]
    judged = 0
    for group in json.loads(path.read_text())["testGroups"]:
        spki = bytes.fromhex(group["publicKeyDer"])
        for case in group["tests"]:
            judged += 1
            data, signature = bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])
            # Where it leaves the choice (an algorithm identifier without NULL), we refuse.
            expected = case["result"] == "valid" and not is_of_another_kind(group)
            assert accepts(fits, algorithm, spki, signature, data) == expected, case
    assert judged > 100


def is_of_another_kind(group: dict[str, Any]) -> bool:
    """Whether the key is one that no passkey has: an RSA exponent that is not 65537."""
    return group["publicKey"].get("publicExponent", "010001") != "010001"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_a_passkey_signs_is_verified(algorithm: int, fits: Arithmetic) -> None:
    for length in (0, 1, 31, 69, 1000):
        passkey = Authenticator(algorithm=algorithm)
        data = bytes(length)
        assert accepts(fits, algorithm, passkey.spki, passkey.sign_bytes(data), data)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_no_flipped_bit_gets_through(algorithm: int, fits: Arithmetic) -> None:
    passkey = Authenticator(algorithm=algorithm)
    signature = passkey.sign_bytes(b"data")
    bits = range(0, 8 * len(signature), 1 if algorithm != RS256 else 16)
    for bit in bits:
        flipped = bytearray(signature)
        flipped[bit // 8] ^= 1 << bit % 8
        assert not accepts(fits, algorithm, passkey.spki, bytes(flipped), b"data"), bit
    assert not accepts(fits, algorithm, passkey.spki, signature, b"date")
    assert not accepts(fits, algorithm, passkey.spki, signature + b"\0", b"data")
    assert not accepts(fits, algorithm, passkey.spki, signature[:-1], b"data")
    assert not accepts(fits, algorithm, passkey.spki, b"", b"data")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_has_one_spelling(algorithm: int, fits: Arithmetic) -> None:
    passkey = Authenticator(algorithm=algorithm)
    spki, signature = passkey.spki, passkey.sign_bytes(b"data")
    for other in (spki + b"\0", spki[:-1], b"", spki[1:], b"\x30\x82\x00" + spki[1:]):
        assert not accepts(fits, algorithm, other, signature, b"data")
    for another in {*ALGORITHMS, -37} - {algorithm}:
        assert not accepts(fits, another, spki, signature, b"data")


def test_keys_that_no_passkey_should_have_are_refused() -> None:
    weak = [rsa_key(1024), rsa_key(2048, EXPONENT_3)]
    for key in weak:
        with pytest.raises(SignatureRefused, match="size or exponent"):
            parse_key(RS256, spki_of(key.public_key()))
    other_curve = ec.generate_private_key(ec.SECP256K1()).public_key()
    with pytest.raises(SignatureRefused):
        parse_key(ES256, spki_of(other_curve))
    off_curve = bytearray(Authenticator().spki)
    off_curve[-1] ^= 1
    with pytest.raises(SignatureRefused, match="no point"):
        parse_key(ES256, bytes(off_curve))


def spki_of(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    "encoded",
    [bytes(32), b"\1" + bytes(31), bytes.fromhex("ec" + "ff" * 30 + "7f")],
    ids=["order 4", "neutral", "order 2"],
)
def test_a_key_of_small_order_signs_nothing(encoded: bytes) -> None:
    """With the neutral element as key, R = s·B fits every message."""
    with pytest.raises(SignatureRefused, match="no sound point"):
        parse_key(EDDSA, Authenticator(algorithm=EDDSA).spki[:12] + encoded)
