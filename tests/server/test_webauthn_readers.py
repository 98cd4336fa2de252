"""The WebAuthn layer's readers alone: CBOR, JSON and keys, against other implementations."""

import os
import re

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.authenticator import EDDSA, RS256, Authenticator, cbor, edited, rsa_key
from tests.server.webauthn_attempts import assertion, passkey, registration
from tests.server.webauthn_mutations import ED25519_PRIME, order_8

from cosignet.core.errors import CeremonyMalformed, CeremonyRefused
from cosignet.server.webauthn import errors, malformed, parse_assertion, parse_attestation
from cosignet.server.webauthn.cbor import read_cbor
from cosignet.server.webauthn.keys import KEYS_CACHED, parse_public_key, verify_signed

cbor_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.binary() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.integers(-9, 9) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(cbor_values)
def test_cbor_means_what_another_reader_says(value: object) -> None:
    encoded = cbor2.dumps(value)
    try:
        assert read_cbor(encoded) == (value, len(encoded))
        assert cbor(value) == encoded
    except malformed.CborTooDeep:
        assert re.search(rb"[\x81-\xbf]", encoded)


@given(st.binary(max_size=64))
def test_no_bytes_surprise_the_cbor_reader(data: bytes) -> None:
    try:
        value, end = read_cbor(data)
    except CeremonyMalformed:
        return
    assert cbor2.loads(data[:end]) == value


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
MEMBERS = (
    "id",
    "rawId",
    "type",
    "response",
    "clientExtensionResults",
    "clientDataJSON",
    "userHandle",
)


@given(st.sampled_from(MEMBERS), json_values)
def test_no_json_surprises_the_parsers(member: str, value: object) -> None:
    for made, parse in ((assertion(), parse_assertion), (registration(), parse_attestation)):
        inside = member in ("clientDataJSON", "userHandle")
        edits = (
            {"response": {**made.value["response"], member: value}} if inside else {member: value}
        )
        try:
            parse(edited(made.value, edits))
        except CeremonyMalformed:
            continue


def test_keys_are_kept_within_bounds() -> None:
    assert parse_public_key.cache_parameters()["maxsize"] == KEYS_CACHED
    key = cbor(passkey().cose)
    assert parse_public_key(key) is parse_public_key(key)


P = ED25519_PRIME
D = -121665 * pow(121666, -1, P) % P


def edwards_x(y: int) -> int | None:
    """Return an x for a y as RFC 8032, section 5.1.3 finds it, or None."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    root = pow(square, (P + 3) // 8, P)
    candidates = (root, root * pow(2, (P - 1) // 4, P) % P)
    return next((x for x in candidates if x * x % P == square), None)


def edwards_add(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    product = D * a[0] * b[0] * a[1] * b[1]
    x = (a[0] * b[1] + a[1] * b[0]) * pow(1 + product, -1, P)
    y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - product, -1, P)
    return x % P, y % P


def test_the_points_of_small_order_are_what_they_claim() -> None:
    for y, order in ((1, 1), (P - 1, 2), (0, 4), (order_8(), 8), (P - order_8(), 8)):
        x = edwards_x(y)
        assert x is not None
        multiples = [(0, 1)]
        for _ in range(order):
            multiples.append(edwards_add(multiples[-1], (x, y)))
        assert multiples.index((0, 1), 1) == order


def test_a_key_of_ed25519_is_taken_exactly_if_it_is_a_point() -> None:
    members = passkey(EDDSA).cose
    for y in range(2, 200):
        cose = cbor({**members, -2: y.to_bytes(32, "little")})
        if edwards_x(y) is None:
            with pytest.raises(errors.KeyEncoding):
                parse_public_key(cose)
        else:
            assert parse_public_key(cose).algorithm == EDDSA
    for _ in range(50):
        assert parse_public_key(cbor(Authenticator(EDDSA).cose))


def test_rsa_signatures_may_end_in_the_middle_of_a_byte() -> None:
    made = Authenticator(RS256)
    made.private_key = rsa_key(2050)
    data = b"signed"
    key = parse_public_key(cbor(made.cose))
    assert len(made.sign_bytes(data)) == 257
    verify_signed(key, signature=made.sign_bytes(data), data=data)
    with pytest.raises(errors.SignatureMalformed):
        verify_signed(key, signature=made.sign_bytes(data)[:256], data=data)


@pytest.mark.parametrize("algorithm", [[], {}, b"\xf9", "ES256", None, True, -65535])
def test_what_is_no_algorithm_is_refused_whatever_it_is(algorithm: object) -> None:
    with pytest.raises(errors.KeyAlgorithm):
        parse_public_key(cbor({**passkey().cose, 3: algorithm}))


def test_random_bytes_are_no_key() -> None:
    for _ in range(200):
        with pytest.raises((CeremonyRefused, CeremonyMalformed)):
            parse_public_key(os.urandom(77))
