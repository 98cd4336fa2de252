"""Passkeys that are somebody else's, unknown, broken, given up, or not there."""

import pytest
from playwright.sync_api import expect
from tests.e2e.conftest import Visit
from tests.live import Live
from tests.people import Person, Program

from cosignet.core.access import Scope


def test_another_persons_passkey_is_refused_and_burns_nothing(
    live: Live, visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex")
    visitor = visit(live.person("robin"))
    visitor.expects("status of 403")
    visitor.open(asked["url"])
    visitor.approve.click()
    visitor.sees_outcome("wrong-person", "alex was asked", "Nothing was approved.")
    expect(visitor.page.locator("#outcome")).to_be_focused()
    visitor.sees_badge("verified")
    assert program.read(asked["id"])["status"] == "pending"
    visitor.passkey.forget()
    visitor.passkey.hold(alex)
    visitor.approve.click()
    visitor.sees_outcome("approved")
    assert program.read(asked["id"])["credentialId"] == alex.credential_id


def test_a_passkey_nobody_registered_is_refused_in_plain_words(
    visit: Visit, alex: Person, program: Program, live: Live
) -> None:
    asked = program.ask("alex")
    stranger = Person(live.url)
    stranger.passkey.user_handle = b"stranger"
    visitor = visit(stranger)
    visitor.expects("status of 403")
    visitor.open(asked["url"])
    visitor.approve.click()
    visitor.sees_note("This passkey is not registered here", "Choose the passkey you registered")
    assert program.read(asked["id"])["status"] == "pending"


@pytest.mark.parametrize(
    ("bits", "words"),
    [
        ({"isBogusSignature": True}, "The signature does not have the form"),
        ({"isBadUV": True}, "The passkey did not check that it is you"),
        ({"isBadUP": True}, "The passkey did not notice you"),
    ],
    ids=["signature", "not-verified", "not-present"],
)
def test_a_passkey_that_answers_wrongly_is_refused_and_a_retry_works(
    visit: Visit, alex: Person, program: Program, bits: dict[str, bool], words: str
) -> None:
    asked = program.ask("alex")
    visitor = visit(alex)
    visitor.expects("status of 4")
    visitor.open(asked["url"])
    visitor.passkey.override(**bits)
    visitor.approve.click()
    visitor.sees_note(words)
    assert program.read(asked["id"])["status"] == "pending"
    visitor.passkey.override(**dict.fromkeys(bits, False))
    visitor.approve.click()
    visitor.sees_outcome("approved")


def test_a_prompt_given_up_is_told_and_can_be_tried_again(
    visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex")
    visitor = visit(alex)
    visitor.open(asked["url"])
    visitor.passkey.verify_person(False)
    visitor.approve.click()
    visitor.sees_note("prompt was closed, or it timed out", "Nothing was signed")
    assert program.read(asked["id"])["status"] == "pending"
    visitor.passkey.verify_person(True)
    visitor.approve.click()
    visitor.sees_outcome("approved")


class TestNotActivated:
    @pytest.fixture
    def settings(self) -> dict[str, str]:
        return {"COSIGNET_API_INVITES": "activate"}

    def test_an_approver_who_is_not_activated_learns_whom_to_ask(
        self, live: Live, visit: Visit, program: Program
    ) -> None:
        invited = live.program(Scope.ADMIN).post("/api/invites", {"note": "robin"}).json()
        robin = Person(live.url)
        assert robin.register(invited["code"], "robin")["activated"] is False
        asked = program.ask("robin")
        visitor = visit(robin)
        visitor.expects("status of 403")
        visitor.open(asked["url"])
        visitor.approve.click()
        visitor.sees_outcome("not-activated", "registered as robin", "Ask an owner", "of default")
        assert program.read(asked["id"])["status"] == "pending"
        assert visitor.passkey.signatures == 0


def test_a_browser_without_passkeys_can_still_reject(
    visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex")
    visitor = visit()
    visitor.context.add_init_script("delete window.PublicKeyCredential")
    visitor.open(asked["url"])
    visitor.sees_outcome("unsupported", "This browser cannot use passkeys")
    expect(visitor.approve).to_be_disabled()
    visitor.reject.click()
    visitor.sees_outcome("rejected")
