"""A passkey is asked for exactly the bytes that the page computed, or not at all."""

import hashlib
from collections.abc import Callable

import pytest
from tests.e2e.tampering.case import OTHER_CHALLENGE, Case, challenge
from tests.people import JSON, Person


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def without(name: str) -> Callable[[JSON], None]:
    return lambda options: options.pop(name)


def reject_form(honest: bytes) -> bytes:
    return honest[:16] + hashlib.sha256(b"cosignet/reject/v1\n" + honest[16:]).digest()


SIGN_IN = hashlib.sha256(b"cosignet/login/v1\n" + bytes(32)).digest()
SOME_PASSKEY = [{"type": "public-key", "id": "AAAA"}]


@pytest.mark.parametrize(
    ("alter", "reason"),
    [
        (challenge(lambda honest: flipped(honest, 47)), OTHER_CHALLENGE),
        (challenge(lambda honest: flipped(honest, 0)), OTHER_CHALLENGE),
        (challenge(lambda honest: honest[32:] + honest[:32]), OTHER_CHALLENGE),
        (challenge(reject_form), OTHER_CHALLENGE),
        (challenge(lambda _: SIGN_IN), OTHER_CHALLENGE),
        (challenge(lambda honest: honest + b"\0"), OTHER_CHALLENGE),
        (lambda options: options.update(challenge=options["challenge"] + "="), OTHER_CHALLENGE),
        (without("challenge"), OTHER_CHALLENGE),
        (lambda options: options.update(rpId="example.com"), "passkey of another site"),
        (lambda options: options.update(allowCredentials=SOME_PASSKEY), "particular passkey"),
        (lambda options: options.update(userVerification="preferred"), "not asked to check you"),
    ],
    ids=[
        *("last-byte", "first-of-nonce", "halves-swapped", "rejecting", "sign-in-32-bytes"),
        *("longer", "padded", "none", "rp-id", "allow-credentials", "verification"),
    ],
)
def test_altered_options_never_reach_the_passkey(
    case: Case, alter: Callable[[JSON], object], reason: str
) -> None:
    case.answer_options(alter)
    case.open()
    case.visitor.approve.click()
    case.is_blocked(reason, posted=("options",))


def test_the_options_of_another_confirmation_never_reach_the_passkey(case: Case) -> None:
    other = case.program.ask("alex", {"replicas": 300})
    there = f"/confirm/{other['id']}/options"
    answer = Person(case.live.url).http.post(there, json={"purpose": "approve"}).json()
    case.answer_options(lambda options: options.update(answer))
    case.open()
    case.visitor.approve.click()
    case.is_blocked(OTHER_CHALLENGE, posted=("options",))


def test_a_signed_rejection_is_never_given_the_challenge_of_an_approval(case: Case) -> None:
    honest = Person(case.live.url).data(case.asked["id"])
    approval = hashlib.sha256(b"cosignet/context/v1\n" + honest["context"].encode()).digest()[:16]
    approval += bytes.fromhex(honest["payloadHash"])
    case.answer_options(challenge(lambda _: approval))
    case.open()
    case.visitor.unfold_signed()
    case.visitor.reject_signed.click()
    case.is_blocked(OTHER_CHALLENGE, posted=("options",))


def test_what_else_the_options_say_is_dropped(case: Case) -> None:
    case.visitor.context.add_init_script(
        """
        const get = navigator.credentials.get.bind(navigator.credentials);
        navigator.credentials.get = (options) => {
          const { extensions = null, hints = [], timeout } = options.publicKey;
          window.asked = { members: Object.keys(options).sort(), extensions, hints, timeout };
          return get(options);
        };"""
    )
    more = {"extensions": {"appid": "https://example.com"}, "hints": ["hybrid"], "timeout": "1"}
    case.answer_options(lambda options: options.update(more, mediation="conditional"))
    case.open()
    case.visitor.approve.click()
    case.visitor.sees_outcome("approved")
    asked = {"members": ["publicKey", "signal"], "extensions": None, "hints": []}
    assert case.visitor.page.evaluate("asked") == asked | {"timeout": 120_000}
