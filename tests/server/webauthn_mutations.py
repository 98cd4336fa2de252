"""Answers of passkeys with one thing wrong, and the one refusal each of them must meet.

Each mutation names the check that stops it by the class of its refusal. Whatever is edited is
edited before it is signed (unless the point is a wrong signature), so that nothing but the named
check stands between the mutation and acceptance, or another refusal.
"""

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384
from tests.authenticator import (
    ABSENT,
    BACKED_UP,
    BACKUP_ELIGIBLE,
    EDDSA,
    ES256,
    EXTENSION_DATA,
    RESERVED_1,
    RESERVED_5,
    RS256,
    USER_PRESENT,
    USER_VERIFIED,
    Authenticator,
    Raw,
    base64url,
    cbor,
    rsa_key,
    shortest,
    unbase64url,
)
from tests.server.webauthn_attempts import (
    RP,
    USER_HANDLE,
    Attempt,
    assertion,
    passkey,
    registration,
)

from cosignet.core.errors import Refusal
from cosignet.server.webauthn import errors, malformed

ED25519_PRIME = 2**255 - 19
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


@dataclass(frozen=True)
class Mutation:
    """What is wrong, in words; the refusal that must meet it; how to make it."""

    name: str
    refusal: type[Refusal]
    make: Callable[[], Attempt]
    kind: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"


@cache
def attempt(mutation: Mutation) -> Attempt:
    """Make a mutation's answer, once."""
    return mutation.make()


MUTATIONS: list[Mutation] = []


def _register(name: str, refusal: type[Refusal], alg: int = ES256, **tamper: Any) -> None:
    MUTATIONS.append(Mutation(name, refusal, lambda: registration(alg, **tamper), "registration"))


def _register_rsa(name: str, refusal: type[Refusal], **tamper: Any) -> None:
    _register(name, refusal, RS256, **tamper)


def _sign(name: str, refusal: type[Refusal], alg: int = ES256, **tamper: Any) -> None:
    MUTATIONS.append(Mutation(name, refusal, lambda: assertion(alg, **tamper), "assertion"))


def _sign_with(name: str, refusal: type[Refusal], **changes: Any) -> None:
    def make() -> Attempt:
        return dataclasses.replace(assertion(), **changes)

    MUTATIONS.append(Mutation(name, refusal, make, "assertion"))


def _both(name: str, refusal: type[Refusal], **tamper: Any) -> None:
    _register(name, refusal, **tamper)
    _sign(name, refusal, **tamper)


def _each(
    add: Callable[..., None], refusal: type[Refusal], cases: Iterable[tuple[str, dict[str, Any]]]
) -> None:
    for name, tamper in cases:
        add(name, refusal, **tamper)


# --- The JSON around it -------------------------------------------------------------------------

for _value in ([], "text", None, 7):
    _sign_with(f"the answer is {_value!r}", malformed.CredentialNotObject, value=_value)
_both("response is a list", malformed.ResponseNotObject, members={"response": []})
_both("response is missing", malformed.ResponseNotObject, members={"response": ABSENT})
_both("id is missing", malformed.MemberMissing, members={"id": ABSENT})
_both("rawId is missing", malformed.MemberMissing, members={"rawId": ABSENT})
_both("type is missing", malformed.MemberMissing, members={"type": ABSENT})
_both("client data is missing", malformed.MemberMissing, response={"clientDataJSON": ABSENT})
_sign("the signature is missing", malformed.MemberMissing, response={"signature": ABSENT})
_sign("its data is missing", malformed.MemberMissing, response={"authenticatorData": ABSENT})
_register("its object is missing", malformed.MemberMissing, response={"attestationObject": ABSENT})
_both("client data is an object", malformed.MemberNotText, response={"clientDataJSON": {}})
_both("id is a number", malformed.MemberNotText, members={"id": 7})
_sign("the user handle is a list", malformed.MemberNotText, response={"userHandle": [1]})
_both("type is password", malformed.TypeNotPublicKey, members={"type": "password"})
_both("type is capitalised", malformed.TypeNotPublicKey, members={"type": "Public-Key"})
_both(
    "extension results are a list",
    malformed.ExtensionResultsNotObject,
    members={"clientExtensionResults": []},
)
_each(
    _register,
    malformed.TransportsMalformed,
    [
        ("transports are a text", {"response": {"transports": "usb"}}),
        ("a transport is a number", {"response": {"transports": ["usb", 1]}}),
        ("there are 17 transports", {"response": {"transports": ["usb"] * 17}}),
        ("a transport of 33 characters", {"response": {"transports": ["x" * 33]}}),
    ],
)
_both("id is not rawId", malformed.IdNotRawId, members={"id": base64url(b"another")})
_both("the id is empty", malformed.CredentialIdLength, members={"id": "", "rawId": ""})
_both(
    "the id has 1024 bytes",
    malformed.CredentialIdLength,
    members={"id": base64url(bytes(1024)), "rawId": base64url(bytes(1024))},
)
_sign("the user handle is empty", malformed.UserHandleLength, user_handle=b"")
_sign("the user handle has 65 bytes", malformed.UserHandleLength, user_handle=bytes(65))

# --- Base64url ----------------------------------------------------------------------------------


def _stray_bits(text: str) -> str:
    # 37 bytes end in a character of which four bits mean nothing.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) | 1]


_sign(
    "a signature of 22,001 characters",
    malformed.MemberTooLong,
    response={"signature": "A" * 22_001},
)
_sign("a signature of 1 MB", malformed.MemberTooLong, response={"signature": "A" * 1_000_000})
_both("an id of 1 MB", malformed.MemberTooLong, members={"rawId": "A" * 1_000_000})
_both("id is padded", malformed.Base64Padded, members={"id": lambda text: text + "="})
_sign(
    "authenticator data is padded",
    malformed.Base64Padded,
    response={"authenticatorData": lambda text: text + "=="},
)
_each(
    _sign,
    malformed.Base64Alphabet,
    [
        (
            "the standard alphabet",
            {"response": {"authenticatorData": lambda text: text.replace("_", "/")}},
        ),
        ("a line break", {"response": {"signature": lambda text: text + "\n"}}),
        (
            "a space inside",
            {"response": {"clientDataJSON": lambda text: text[:4] + " " + text[4:]}},
        ),
        ("a full-width letter", {"response": {"signature": lambda text: "Ａ" + text[1:]}}),
    ],
)
_sign(
    "half a byte at the end",
    malformed.Base64Length,
    response={"authenticatorData": lambda text: text[:-1]},
)
_sign(
    "stray bits at the end",
    malformed.Base64TrailingBits,
    response={"authenticatorData": _stray_bits},
)

# --- Client data --------------------------------------------------------------------------------


def _before(prefix: bytes) -> Callable[[bytes], bytes]:
    return lambda data: prefix + data


def _inserted(members: bytes) -> Callable[[bytes], bytes]:
    return lambda data: b"{" + members + b"," + data[1:]


_both(
    "a challenge before the challenge",
    malformed.ClientDataDuplicateKey,
    client_data_bytes=_inserted(b'"challenge":"AAAA"'),
)
_both(
    "an origin hidden by an escape",
    malformed.ClientDataDuplicateKey,
    client_data_bytes=_inserted(b'"\\u006frigin":"http://evil.example"'),
)
_both(
    "a byte order mark",
    malformed.ClientDataByteOrderMark,
    client_data_bytes=_before(b"\xef\xbb\xbf"),
)
_both(
    "bytes that are not UTF-8",
    malformed.ClientDataNotUtf8,
    client_data_bytes=_inserted(b'"x":"\xff"'),
)
_each(
    _both,
    malformed.ClientDataNotJson,
    [
        ("NaN in client data", {"client_data_bytes": _inserted(b'"x":NaN')}),
        ("a trailing comma", {"client_data_bytes": lambda data: data[:-1] + b",}"}),
        ("text after the JSON", {"client_data_bytes": lambda data: data + b"{}"}),
        ("no client data", {"client_data_bytes": lambda _: b""}),
        ("half a surrogate pair", {"client_data_bytes": _inserted(b'"x":"\\ud800"')}),
        (
            "client data nested 5,000 deep",
            {"client_data_bytes": _inserted(b'"x":' + b"[" * 5000 + b"]" * 5000)},
        ),
    ],
)
_both(
    "client data is a list",
    malformed.ClientDataNotObject,
    client_data_bytes=lambda data: b"[" + data + b"]",
)
_each(
    _both,
    malformed.ClientDataMember,
    [
        ("no type", {"client_data": {"type": ABSENT}}),
        ("no challenge", {"client_data": {"challenge": ABSENT}}),
        ("no origin", {"client_data": {"origin": None}}),
        ("the challenge is a list", {"client_data": {"challenge": lambda text: [text]}}),
    ],
)
_each(
    _both,
    malformed.CrossOriginNotBoolean,
    [
        ("crossOrigin is a text", {"client_data": {"crossOrigin": "false"}}),
        ("crossOrigin is null", {"client_data": {"crossOrigin": None}}),
        ("crossOrigin is 1", {"client_data": {"crossOrigin": 1}}),
        ("crossOrigin is 0", {"client_data": {"crossOrigin": 0}}),
    ],
)
_register(
    "a signature as a registration", errors.CeremonyTypeWrong, client_data={"type": "webauthn.get"}
)
_sign(
    "a registration as a signature",
    errors.CeremonyTypeWrong,
    client_data={"type": "webauthn.create"},
)
_sign("a payment as a signature", errors.CeremonyTypeWrong, client_data={"type": "payment.get"})
_each(
    _both,
    errors.ChallengeNotOurs,
    [
        ("another challenge", {"client_data": {"challenge": base64url(bytes(48))}}),
        ("an empty challenge", {"client_data": {"challenge": ""}}),
        ("a padded challenge", {"client_data": {"challenge": lambda text: text + "="}}),
        ("a challenge cut short", {"client_data": {"challenge": lambda text: text[:-4]}}),
        ("a challenge drawn out", {"client_data": {"challenge": lambda text: text + "AAAA"}}),
        (
            "a challenge in other letters",
            {"client_data": {"challenge": lambda text: "é" + text[1:]}},
        ),
        (
            "a challenge of another case",
            {"client_data": {"challenge": lambda text: text.swapcase()}},
        ),
    ],
)
_each(
    _both,
    errors.OriginWrong,
    [
        ("another site", {"client_data": {"origin": "http://evil.example"}}),
        ("a subdomain", {"client_data": {"origin": "http://a.localhost:8000"}}),
        ("another port", {"client_data": {"origin": "http://localhost:8001"}}),
        ("another scheme", {"client_data": {"origin": "https://localhost:8000"}}),
        ("a slash after the origin", {"client_data": {"origin": "http://localhost:8000/"}}),
        ("the origin in capitals", {"client_data": {"origin": "http://LOCALHOST:8000"}}),
        ("no origin of its own", {"client_data": {"origin": "null"}}),
        ("an app's origin", {"client_data": {"origin": "android:apk-key-hash:AAAA"}}),
        (
            "a name that begins alike",
            {"client_data": {"origin": "http://localhost:8000.evil.example"}},
        ),
    ],
)
_both("inside another site's frame", errors.CrossOriginTrue, client_data={"crossOrigin": True})
_both(
    "below another site's page",
    errors.TopOriginPresent,
    client_data={"topOrigin": "https://example.com", "crossOrigin": True},
)
_both("below our own page", errors.TopOriginPresent, client_data={"topOrigin": RP.origin})
_both("below null", errors.TopOriginPresent, client_data={"topOrigin": None})
_both(
    "bound to a connection",
    errors.TokenBindingPresent,
    client_data={"tokenBinding": {"status": "present", "id": "AAAA"}},
)

# --- Authenticator data -------------------------------------------------------------------------

_both(
    "a header cut short",
    malformed.AuthenticatorDataTooShort,
    authenticator_data=lambda data: data[:36],
)
_both(
    "no authenticator data", malformed.AuthenticatorDataTooShort, authenticator_data=lambda _: b""
)
_both("reserved bit 1", malformed.ReservedFlags, flags_on=RESERVED_1)
_both("reserved bit 5", malformed.ReservedFlags, flags_on=RESERVED_5)
_both("made for another site", errors.RpIdHashWrong, rp_id="evil.example")
_both("made for a subdomain", errors.RpIdHashWrong, rp_id="a.localhost")
_both("nobody was there", errors.UserNotPresent, flags_off=USER_PRESENT)
_both("nobody was verified", errors.UserNotVerified, flags_off=USER_VERIFIED)
_register(
    "backed up and cannot be", errors.BackupStateWithoutEligibility, flags_off=BACKUP_ELIGIBLE
)
_sign(
    "backed up and cannot be",
    errors.BackupStateWithoutEligibility,
    flags_off=BACKUP_ELIGIBLE,
    stored_as={"backup_eligible": False},
)
_sign(
    "no longer eligible for backup",
    errors.BackupEligibilityChanged,
    flags_off=BACKUP_ELIGIBLE | BACKED_UP,
)
_sign(
    "suddenly eligible for backup",
    errors.BackupEligibilityChanged,
    stored_as={"backup_eligible": False},
)
_sign("a new passkey inside a signature", malformed.AttestedDataInAssertion, attested=True)
_register("no new passkey inside", malformed.AttestedDataMissing, attested=False)
_each(
    _register,
    malformed.AttestedDataTruncated,
    [
        ("the AAGUID is cut", {"authenticator_data": lambda data: data[:40]}),
        ("the id's length is cut", {"authenticator_data": lambda data: data[:54]}),
        ("the id is cut", {"authenticator_data": lambda data: data[:60]}),
        ("the key is missing", {"key_bytes": lambda _: b""}),
        (
            "the id claims 65,535 bytes",
            {"authenticator_data": lambda data: data[:53] + b"\xff\xff" + data[55:]},
        ),
    ],
)
_register("the signed id is empty", malformed.AttestedIdLength, attested_id=b"")
_register("the signed id has 1024 bytes", malformed.AttestedIdLength, attested_id=bytes(1024))
_register("the signed id is another", errors.AttestedIdWrong, attested_id=bytes(32))
_both("extensions are a list", malformed.ExtensionsNotMap, extensions=[])
_both("extensions are a number", malformed.ExtensionsNotMap, extensions=1)
_both("an extension's name is a number", malformed.ExtensionNameNotText, extensions={1: True})
_both(
    "a byte after the end",
    malformed.AuthenticatorDataTrailing,
    authenticator_data=lambda data: data + b"\0",
)
_both(
    "extensions that no flag announces",
    malformed.AuthenticatorDataTrailing,
    extensions={"credProtect": 2},
    flags_off=EXTENSION_DATA,
)
_both(
    "two extension maps",
    malformed.AuthenticatorDataTrailing,
    extensions=Raw(cbor({"credProtect": 2}) * 2),
)

# --- CBOR ---------------------------------------------------------------------------------------


def _nested(levels: int) -> Raw:
    return Raw(cbor({"x": Raw(b"\x81" * levels + b"\xf6")}))


_CBOR: list[tuple[type[Refusal], str, object]] = [
    (malformed.CborTruncated, "a map without its value", Raw(b"\xa1\x61x")),
    (malformed.CborTruncated, "a text cut short", Raw(b"\xa1\x61x\x65four")),
    (malformed.CborTruncated, "a byte string of 4 GiB", Raw(b"\xa1\x61x\x5a\xff\xff\xff\xff")),
    (malformed.CborTruncated, "a text of 2^64 bytes", Raw(b"\xa1\x61x\x7b" + b"\xff" * 8)),
    (malformed.CborTruncated, "an array of 2^32 items", Raw(b"\xa1\x61x\x9a\xff\xff\xff\xff")),
    (malformed.CborTruncated, "a map of 2^64 members", Raw(b"\xbb" + b"\xff" * 8)),
    (malformed.CborIndefinite, "a map without a length", Raw(b"\xbf\xff")),
    (malformed.CborIndefinite, "a text without a length", Raw(b"\xa1\x61x\x7f\x61a\xff")),
    (malformed.CborIndefinite, "a reserved length", Raw(b"\xa1\x61x\x1c")),
    (malformed.CborNotShortest, "a small number in two bytes", Raw(b"\xa1\x61x\x18\x01")),
    (malformed.CborNotShortest, "255 in three bytes", Raw(b"\xa1\x61x\x19\x00\xff")),
    (malformed.CborNotShortest, "65,535 in five", Raw(b"\xa1\x61x\x1a\x00\x00\xff\xff")),
    (malformed.CborNotShortest, "2^32-1 in nine", Raw(b"\xa1\x61x\x1b" + bytes(4) + b"\xff" * 4)),
    (malformed.CborNotShortest, "a small length in eight", Raw(b"\xa1\x61x\x5b" + b"\0" * 8)),
    (malformed.CborTooDeep, "five levels", _nested(4)),
    (malformed.CborTooDeep, "ten thousand levels", _nested(10_000)),
    (malformed.CborTextNotUtf8, "a text that is not UTF-8", Raw(b"\xa1\x61\xff\x01")),
    (malformed.CborTextNotUtf8, "half a surrogate pair", Raw(b"\xa1\x63\xed\xa0\x80\x01")),
    (malformed.CborKeyRefused, "a key of bytes", {b"x": 1}),
    (malformed.CborKeyRefused, "a key that is true", {True: 1}),
    (malformed.CborKeyRefused, "a key that is a map", Raw(b"\xa1\xa0\x01")),
    (malformed.CborDuplicateKey, "a key twice", Raw(b"\xa2\x61x\x01\x61x\x02")),
    (malformed.CborTypeRefused, "a floating point number", Raw(b"\xa1\x61x\xf9\x3c\x00")),
    (malformed.CborTypeRefused, "a tag", Raw(b"\xa1\x61x\xc1\x00")),
    (malformed.CborTypeRefused, "undefined", Raw(b"\xa1\x61x\xf7")),
    (malformed.CborTypeRefused, "a break without a beginning", Raw(b"\xff")),
]
for _refusal, _name, _extensions in _CBOR:
    _both(_name + ", in extensions", _refusal, extensions=_extensions)
_both("announced extensions are missing", malformed.CborTruncated, flags_on=EXTENSION_DATA)
_register("the key is cut short", malformed.CborTruncated, key_bytes=lambda key: key[:-1])
_register(
    "the key is ten thousand lists",
    malformed.CborTooDeep,
    key_bytes=lambda _: b"\x81" * 10_000 + b"\xf6",
)
_register(
    "the key names its algorithm twice",
    malformed.CborDuplicateKey,
    key_bytes=lambda key: b"\xa6" + key[1:] + cbor(3) + cbor(ES256),
)

# --- The attestation object ---------------------------------------------------------------------

_each(
    _register,
    malformed.AttestationTrailing,
    [
        ("a byte after the object", {"attestation_bytes": lambda data: data + b"\0"}),
        ("the object twice", {"attestation_bytes": lambda data: data * 2}),
    ],
)
_register(
    "the object is cut short", malformed.CborTruncated, attestation_bytes=lambda data: data[:-1]
)
_register("no object", malformed.CborTruncated, attestation_bytes=lambda _: b"")
_register(
    "the object is a thousand lists",
    malformed.CborTooDeep,
    attestation_bytes=lambda _: b"\x81" * 1000 + b"\xf6",
)
_register("the object is a list", malformed.AttestationNotMap, attestation_bytes=lambda _: b"\x80")
_each(
    _register,
    malformed.AttestationMembers,
    [
        ("no format", {"attestation": {"fmt": ABSENT}}),
        ("no statement", {"attestation": {"attStmt": ABSENT}}),
        ("no data", {"attestation": {"authData": ABSENT}}),
        ("a member too many", {"attestation": {"epAtt": True}}),
        ("the members' names in CTAP", {"attestation_bytes": lambda _: cbor({1: "none", 3: {}})}),
    ],
)
_each(
    _register,
    errors.AttestationNotNone,
    [
        (
            "attested by itself",
            {"attestation": {"fmt": "packed", "attStmt": {"alg": ES256, "sig": b""}}},
        ),
        (
            "attested as U2F",
            {"attestation": {"fmt": "fido-u2f", "attStmt": {"x5c": [], "sig": b""}}},
        ),
        ("packed without a statement", {"attestation": {"fmt": "packed"}}),
        ("None", {"attestation": {"fmt": "None"}}),
        ("a format that is null", {"attestation": {"fmt": None}}),
    ],
)
_each(
    _register,
    malformed.AttestationStatementNotEmpty,
    [
        ("a statement for none", {"attestation": {"attStmt": {"alg": ES256}}}),
        ("a statement that is a list", {"attestation": {"attStmt": []}}),
        ("a statement that is null", {"attestation": {"attStmt": None}}),
    ],
)
_register("data is a text", malformed.AttestationDataNotBytes, attestation={"authData": "x" * 200})

# --- Keys ---------------------------------------------------------------------------------------


def _ed25519(y: int) -> dict[str, Any]:
    return {"alg": EDDSA, "key": {-2: y.to_bytes(32, "little")}}


def order_8() -> int:
    """Return the y of a point of order 8; a test computes that it is."""
    return int.from_bytes(
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
    )


_register("the key is a list", errors.KeyNotMap, key_bytes=lambda _: b"\x80")
_register("the key is an uncompressed point", errors.KeyNotMap, key_bytes=lambda _: b"\x04")
_each(
    _register,
    errors.KeyAlgorithm,
    [
        ("no algorithm", {"key": {3: ABSENT}}),
        ("ES384", {"key": {3: -35}}),
        ("ES256K", {"key": {3: -47}}),
        ("RS1", {"alg": RS256, "key": {3: -65535}}),
        ("PS256", {"alg": RS256, "key": {3: -37}}),
        ("HS256", {"key": {3: 5}}),
        ("an algorithm in words", {"key": {3: "ES256"}}),
    ],
)
_each(
    _register,
    errors.KeyType,
    [
        ("an ES256 key called RS256", {"key": {3: RS256}}),
        ("an RS256 key called ES256", {"alg": RS256, "key": {3: ES256}}),
        ("no key type", {"key": {1: ABSENT}}),
        ("a key type that is true", {"alg": EDDSA, "key": {1: True}}),
    ],
)
_each(
    _register,
    errors.KeyParameters,
    [
        ("no y", {"key": {-3: ABSENT}}),
        ("a private key", {"key": {-4: bytes(32)}}),
        ("a key id", {"alg": EDDSA, "key": {2: b"id"}}),
        ("key operations", {"alg": RS256, "key": {4: [2]}}),
        ("RSA primes", {"alg": RS256, "key": {-3: bytes(256)}}),
    ],
)
_each(
    _register,
    errors.KeyCurve,
    [
        ("ES256 on P-384", {"key": {-1: 2}}),
        ("ES256 on secp256k1", {"key": {-1: 8}}),
        ("EdDSA on Ed448", {"alg": EDDSA, "key": {-1: 7}}),
        ("EdDSA on X25519", {"alg": EDDSA, "key": {-1: 4}}),
        ("a curve that is true", {"key": {-1: True}}),
    ],
)
_each(
    _register,
    errors.KeyCoordinate,
    [
        ("a compressed point", {"key": {-3: True}}),
        ("a y of 31 bytes", {"key": {-3: lambda y: y[:31]}}),
        ("an x with a zero before it", {"key": {-2: lambda x: b"\0" + x}}),
        ("an Ed25519 key of 33 bytes", {"alg": EDDSA, "key": {-2: lambda x: x + b"\0"}}),
        ("an x that is a number", {"key": {-2: 7}}),
    ],
)
_each(
    _register,
    errors.KeyNotOnCurve,
    [
        ("a point beside P-256", {"key": {-3: lambda y: y[:-1] + bytes([y[-1] ^ 1])}}),
        ("the point at infinity", {"key": {-2: bytes(32), -3: bytes(32)}}),
        ("a coordinate beyond the field", {"key": {-2: b"\xff" * 32}}),
    ],
)
_each(
    _register,
    errors.KeyWeak,
    [
        ("the neutral point", _ed25519(1)),
        ("the neutral point, signed", _ed25519(1 | 1 << 255)),
        ("a point of order 2", _ed25519(ED25519_PRIME - 1)),
        ("a point of order 4", _ed25519(0)),
        ("a point of order 8", _ed25519(order_8())),
        ("another point of order 8", _ed25519(ED25519_PRIME - order_8() | 1 << 255)),
    ],
)
_each(
    _register,
    errors.KeyEncoding,
    [
        ("a y that no point of Ed25519 has", _ed25519(2)),
        ("a y beyond the prime", _ed25519(ED25519_PRIME + 3)),
        ("the neutral point, written otherwise", _ed25519(ED25519_PRIME + 1)),
        ("a point of order 4, written otherwise", _ed25519(ED25519_PRIME)),
    ],
)
_each(
    _register_rsa,
    errors.KeyNumber,
    [
        ("a modulus with a zero before it", {"key": {-1: lambda n: b"\0" + n}}),
        ("an exponent with a zero before it", {"key": {-2: b"\0\x01\0\x01"}}),
        ("an empty exponent", {"key": {-2: b""}}),
        ("an exponent that is a number", {"key": {-2: 65537}}),
    ],
)
_register("RSA of 1024 bits", errors.KeyTooSmall, RS256, key={-1: shortest(2**1023 + 1)})
_register("RSA of 2047 bits", errors.KeyTooSmall, RS256, key={-1: shortest(2**2046 + 1)})
_register("RSA of 4097 bits", errors.KeyTooLarge, RS256, key={-1: shortest(2**4096 + 1)})
_register("RSA of 64,000 bits", errors.KeyTooLarge, RS256, key={-1: shortest(2**63999 + 1)})
_register("an exponent of 3", errors.KeyExponent, RS256, key={-2: b"\x03"})
_register("an exponent of 1", errors.KeyExponent, RS256, key={-2: b"\x01"})
_register("an even exponent", errors.KeyExponent, RS256, key={-2: b"\x01\x00\x00"})

# --- Who signed ---------------------------------------------------------------------------------

_sign_with("an unknown credential", errors.CredentialUnknown, credential=None)
_sign("somebody else's credential", errors.CredentialNotYours, stored_as={"approver_id": "bob"})
_sign("a revoked credential", errors.CredentialRevoked, stored_as={"revoked": True})
_sign("another id than the key's", errors.CredentialIdForeign, stored_as={"id": bytes(32)})
_sign("no user handle", errors.UserHandleMissing, user_handle=None)
_sign("no user handle member", errors.UserHandleMissing, response={"userHandle": ABSENT})
_sign("a foreign user handle", errors.UserHandleForeign, user_handle=bytes(32))
_sign("a user handle cut short", errors.UserHandleForeign, user_handle=USER_HANDLE[:-1])
_sign("a key recorded as another kind", errors.AlgorithmChanged, stored_as={"algorithm": EDDSA})

# --- Signatures ---------------------------------------------------------------------------------


def _long_form(signature: bytes) -> bytes:
    return b"\x30\x81" + signature[1:]


def _raw(signature: bytes) -> bytes:
    return b"".join(part.to_bytes(32, "big") for part in decode_dss_signature(signature))


def _other_form(signature: bytes) -> bytes:
    # The same S, written a second time with the group's order added: RFC 8032 forbids it.
    s = int.from_bytes(signature[32:], "little") + ED25519_ORDER
    return signature[:32] + s.to_bytes(32, "little")


_each(
    _sign,
    errors.SignatureMalformed,
    [
        ("no signature", {"signature": lambda _: b""}),
        ("a byte after the signature", {"signature": lambda signature: signature + b"\0"}),
        ("22,000 characters of nothing", {"response": {"signature": "A" * 22_000}}),
        ("a signature of two bare numbers", {"signature": _raw}),
        ("a length in the long form", {"signature": _long_form}),
        ("an Ed25519 signature cut short", {"alg": EDDSA, "signature": lambda s: s[:63]}),
        (
            "an RSA signature with a zero before it",
            {"alg": RS256, "signature": lambda s: b"\0" + s},
        ),
        ("an ES256 signature of an EdDSA key", {"alg": EDDSA, "signer": passkey(ES256)}),
        ("an EdDSA signature of an ES256 key", {"signer": passkey(EDDSA)}),
    ],
)


class _Signing(Authenticator):
    """A passkey that signs in a way nobody asked for."""

    def __init__(self, signing: Callable[[bytes], bytes]) -> None:
        super().__init__()
        self.signing = signing

    def sign_bytes(self, data: bytes) -> bytes:
        return self.signing(data)


def _pss(data: bytes) -> bytes:
    return rsa_key(2048).sign(data, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())


def _rsa_sha1(data: bytes) -> bytes:
    return rsa_key(2048).sign(data, padding.PKCS1v15(), SHA1())


def _ecdsa_sha384(data: bytes) -> bytes:
    return cast(ec.EllipticCurvePrivateKey, passkey().private_key).sign(data, ec.ECDSA(SHA384()))


def _respaced(text: str) -> str:
    return base64url(unbase64url(text).replace(b'","', b'", "', 1))


_each(
    _sign,
    errors.SignatureWrong,
    [
        ("another ES256 key signed", {"signer": Authenticator(ES256)}),
        ("another EdDSA key signed", {"alg": EDDSA, "signer": Authenticator(EDDSA)}),
        ("an ES256 signature of zeros", {"signature": lambda _: encode_dss_signature(0, 0)}),
        ("an EdDSA signature of zeros", {"alg": EDDSA, "signature": lambda _: bytes(64)}),
        ("an EdDSA signature in its other form", {"alg": EDDSA, "signature": _other_form}),
        ("an RSA signature of zeros", {"alg": RS256, "signature": lambda s: bytes(len(s))}),
        ("an RSA signature with PSS", {"alg": RS256, "signer": _Signing(_pss)}),
        ("an RSA signature over SHA-1", {"alg": RS256, "signer": _Signing(_rsa_sha1)}),
        ("an ECDSA signature over SHA-384", {"signer": _Signing(_ecdsa_sha384)}),
        ("client data respaced afterwards", {"response": {"clientDataJSON": _respaced}}),
        (
            "the counter raised afterwards",
            {"response": {"authenticatorData": lambda text: text[:-1] + "Q"}},
        ),
    ],
)

# --- The counter --------------------------------------------------------------------------------

_each(
    _sign,
    errors.SignCountBack,
    [
        ("the counter stands still", {"sign_count": 5, "stored_as": {"sign_count": 5}}),
        ("the counter goes back", {"sign_count": 4, "stored_as": {"sign_count": 5}}),
        ("the counter goes back to zero", {"stored_as": {"sign_count": 5}}),
        ("the counter wraps around", {"sign_count": 1, "stored_as": {"sign_count": 2**32 - 1}}),
    ],
)
