"""The strict WebAuthn layer: what it takes, what it refuses, and by which name."""

import dataclasses
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from tests.authenticator import (
    ABSENT,
    BACKED_UP,
    BACKUP_ELIGIBLE,
    EDDSA,
    ES256,
    RS256,
    Authenticator,
    base64url,
    cbor,
    edited,
    shortest,
    unbase64url,
)
from tests.server.webauthn_attempts import (
    CHALLENGE,
    REGISTRATION_CHALLENGE,
    RP,
    USER_HANDLE,
    assertion,
    outcome,
    registration,
)
from tests.server.webauthn_mutations import MUTATIONS, Mutation, attempt

from cosignet.core.errors import CeremonyMalformed, CeremonyRefused
from cosignet.server import webauthn
from cosignet.server.webauthn import (
    VerifiedAssertion,
    VerifiedCredential,
    creation_options,
    errors,
    malformed,
    parse_assertion,
    parse_attestation,
    request_options,
    verify_assertion,
    verify_attestation,
)

ALGORITHMS = [ES256, EDDSA, RS256]

# --- What is taken ------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_passkey_registers_and_then_signs(algorithm: int) -> None:
    made = Authenticator(algorithm, counting=True, aaguid=bytes(range(16)))
    options = creation_options(
        RP, challenge=REGISTRATION_CHALLENGE, user_handle=USER_HANDLE, username="alice", exclude=[]
    )
    answer = made.register(options, origin=RP.origin)
    credential = verify_attestation(
        parse_attestation(answer),
        expected_challenge=REGISTRATION_CHALLENGE,
        relying_party=RP,
    )
    assert credential == VerifiedCredential(
        id=made.credential_id,
        public_key=cbor(made.cose),
        public_key_spki=made.spki,
        algorithm=algorithm,
        sign_count=0,
        backup_eligible=True,
        backed_up=True,
        transports=("internal",),
        aaguid="00010203-0405-0607-0809-0a0b0c0d0e0f",
    )
    options = request_options(RP, challenge=CHALLENGE, timeout_ms=60_000)
    answer = made.sign(options, origin=RP.origin)
    signed = verify_assertion(
        parse_assertion(answer),
        expected_challenge=CHALLENGE,
        relying_party=RP,
        credential=webauthn.Credential(
            id=credential.id,
            approver_id="alice",
            user_handle=USER_HANDLE,
            public_key=credential.public_key,
            algorithm=credential.algorithm,
            sign_count=credential.sign_count,
            backup_eligible=credential.backup_eligible,
            revoked=False,
        ),
        expected_approver_id="alice",
    )
    assert signed == VerifiedAssertion(
        credential_id=made.credential_id,
        sign_count=1,
        backed_up=True,
        client_data_json=unbase64url(answer["response"]["clientDataJSON"]),
        authenticator_data=unbase64url(answer["response"]["authenticatorData"]),
        signature=unbase64url(answer["response"]["signature"]),
    )


def high_s(signature: bytes) -> bytes:
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, order - s)


def nested_three(_: object = None) -> dict[str, object]:
    return {"uvm": [[2, 4, 2]], "credProtect": 2, "hmac-secret": True, "minPinLength": None}


EXTRA = {"extraData": "browsers may add members", "number": 1.5}
TAKEN = {
    "client data with members to come": assertion(client_data=EXTRA),
    "client data without crossOrigin": assertion(client_data={"crossOrigin": ABSENT}),
    "a connection that could be bound": assertion(
        client_data={"tokenBinding": {"status": "supported"}}
    ),
    "client data in another order": assertion(
        client_data={"type": ABSENT},
        client_data_bytes=lambda d: d[:-1] + b',"type":"webauthn.get"}',
    ),
    "either of two S": assertion(signature=high_s),
    "extensions": assertion(extensions=nested_three()),
    "no extensions, said so": assertion(extensions={}),
    "members that browsers add": assertion(
        members={"authenticatorAttachment": None, "new": [1]}, response={"new": {}}
    ),
    "an answer without extension results": assertion(members={"clientExtensionResults": ABSENT}),
    "a counter that began later": assertion(sign_count=1),
    "a counter that leaps": assertion(sign_count=2**32 - 1, stored_as={"sign_count": 5}),
    "a passkey no longer backed up": assertion(flags_off=BACKED_UP),
    "a passkey bound to its device": assertion(
        flags_off=BACKED_UP | BACKUP_ELIGIBLE, stored_as={"backup_eligible": False}
    ),
    "whoever signs in": dataclasses.replace(assertion(), approver_id=None),
    "a registration with members to come": registration(client_data=EXTRA),
    "a registration with extensions": registration(extensions=nested_three()),
    "a registration of an unknown transport": registration(response={"transports": ["new"]}),
    "a registration without transports": registration(response={"transports": ABSENT}),
    "a registration whose copies lie": registration(response={"publicKey": "AAAA"}),
    "a registration in another order": registration(
        attestation={"fmt": ABSENT},
        attestation_bytes=lambda data: b"\xa3" + data[1:] + cbor("fmt") + cbor("none"),
    ),
    "16 transports of 32 characters": registration(response={"transports": ["x" * 32] * 16}),
    "RSA of 4096 bits": registration(RS256, key={-1: shortest(2**4095 + 1)}),
    "RSA of 2048 bits": registration(RS256, key={-1: shortest(2**2047 + 1)}),
    "a user handle of 1 byte": assertion(user_handle=b"x", stored_as={"user_handle": b"x"}),
    "a user handle of 64 bytes": assertion(
        user_handle=bytes(64), stored_as={"user_handle": bytes(64)}
    ),
    "numbers at the edges of CBOR's widths": assertion(
        extensions={"x": [23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**64 - 1, -(2**64)]}
    ),
    "extensions four levels deep": assertion(extensions={"x": [[[]]]}),
    "an id of 1023 bytes": registration(
        attested_id=bytes(1023),
        members={"id": base64url(bytes(1023)), "rawId": base64url(bytes(1023))},
    ),
    "an id of 1 byte": registration(attested_id=b"x", members={"id": "eA", "rawId": "eA"}),
}
PLAIN = [assertion(a) for a in ALGORITHMS] + [registration(a) for a in ALGORITHMS]


@pytest.mark.parametrize("name", TAKEN)
def test_it_takes(name: str) -> None:
    assert TAKEN[name].run(webauthn)


def test_the_counter_is_read_from_all_its_bytes() -> None:
    for count in (0x01020304, 0xFFFFFFFF, 1):
        signed = assertion(sign_count=count).run(webauthn)
        assert isinstance(signed, VerifiedAssertion)
        assert signed.sign_count == count
        registered = registration(sign_count=count).run(webauthn)
        assert isinstance(registered, VerifiedCredential)
        assert registered.sign_count == count


def test_what_is_asked_of_browsers() -> None:
    options = creation_options(
        RP, challenge=b"c", user_handle=b"handle", username="alice", exclude=[b"id"]
    )
    assert options == {
        "rp": {"id": "localhost", "name": "Cosignet"},
        "user": {"id": "aGFuZGxl", "name": "alice", "displayName": "alice"},
        "challenge": "Yw",
        "pubKeyCredParams": [{"type": "public-key", "alg": alg} for alg in (-7, -8, -257)],
        "timeout": 300_000,
        "excludeCredentials": [{"type": "public-key", "id": "aWQ"}],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
    }
    assert request_options(RP, challenge=CHALLENGE, timeout_ms=1000) == {
        "challenge": base64url(CHALLENGE),
        "rpId": "localhost",
        "timeout": 1000,
        "userVerification": "required",
        "allowCredentials": [],
    }


# --- What is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_each_mutation_meets_its_own_refusal(mutation: Mutation) -> None:
    made = attempt(mutation)
    started = time.process_time()
    assert outcome(webauthn, made) is mutation.refusal
    assert time.process_time() - started < 0.05, "whatever is sent, it costs next to nothing"


@pytest.mark.parametrize(
    "member", ["clientDataJSON", "authenticatorData", "signature", "userHandle"]
)
def test_a_malformed_member_of_a_signature_is_named(member: str) -> None:
    for value in ("=", "A" * 100_000):
        with pytest.raises(CeremonyMalformed) as raised:
            parse_assertion(assertion(response={member: value}).value)
        assert raised.value.field == f"response.{member}"


@pytest.mark.parametrize("member", ["clientDataJSON", "attestationObject", "transports"])
def test_a_malformed_member_of_a_registration_is_named(member: str) -> None:
    with pytest.raises(CeremonyMalformed) as raised:
        parse_attestation(registration(response={member: "="}).value)
    assert raised.value.field == f"response.{member}"


@pytest.mark.parametrize(
    ("edits", "field"),
    [
        ({"type": "password"}, "type"),
        ({"type": 1}, "type"),
        ({"id": "AAAA"}, "id"),
        ({"id": "="}, "id"),
        ({"rawId": "="}, "rawId"),
        ({"id": "", "rawId": ""}, "id"),
        ({"clientExtensionResults": 1}, "clientExtensionResults"),
        ({"response": []}, "response"),
    ],
)
def test_a_malformed_member_of_the_outer_object_is_named(
    edits: dict[str, object], field: str
) -> None:
    for made, parse in ((assertion, parse_assertion), (registration, parse_attestation)):
        with pytest.raises(CeremonyMalformed) as raised:
            parse(made(members=edits).value)
        assert raised.value.field == field


@pytest.mark.parametrize("length", [0, 65])
def test_a_user_handle_out_of_bounds_is_named(length: int) -> None:
    with pytest.raises(malformed.UserHandleLength) as raised:
        parse_assertion(assertion(user_handle=bytes(length)).value)
    assert raised.value.field == "response.userHandle"


def test_no_answer_passes_for_one_of_another_ceremony() -> None:
    made = assertion()
    for challenge in (CHALLENGE[:32], CHALLENGE[16:], bytes(16) + CHALLENGE[16:], b""):
        with pytest.raises(errors.ChallengeNotOurs):
            dataclasses.replace(made, challenge=challenge).run(webauthn)
    with pytest.raises(malformed.MemberMissing):
        parse_attestation(made.value)
    with pytest.raises(malformed.MemberMissing):
        parse_assertion(registration().value)


def test_no_flipped_bit_of_a_signed_answer_is_accepted() -> None:
    made = assertion()
    for member in ("clientDataJSON", "authenticatorData", "signature"):
        original = unbase64url(made.value["response"][member])
        for bit in range(8 * len(original)):
            flipped = bytearray(original)
            flipped[bit // 8] ^= 1 << bit % 8
            value = edited(
                made.value,
                {"response": {**made.value["response"], member: base64url(bytes(flipped))}},
            )
            with pytest.raises((CeremonyRefused, CeremonyMalformed)):
                dataclasses.replace(made, value=value).run(webauthn)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_no_flipped_bit_of_a_registration_breaks_the_parser(algorithm: int) -> None:
    made = registration(algorithm)
    original = unbase64url(made.value["response"]["attestationObject"])
    for bit in range(8 * len(original)):
        flipped = bytearray(original)
        flipped[bit // 8] ^= 1 << bit % 8
        response = {**made.value["response"], "attestationObject": base64url(bytes(flipped))}
        answer = outcome(
            webauthn, dataclasses.replace(made, value=edited(made.value, {"response": response}))
        )
        assert answer == "accepted" or issubclass(answer, CeremonyRefused | CeremonyMalformed)
