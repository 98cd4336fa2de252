"""A private confirmation shows nothing until the passkey of whoever was asked has unlocked it."""

import pytest
from playwright.sync_api import expect
from tests.e2e.confirm_states import IN_APP
from tests.e2e.conftest import Visit
from tests.live import Live
from tests.people import JSON, Person, Program

SECRET = "a takeover"


@pytest.fixture
def asked(alex: Person, program: Program) -> JSON:
    return program.ask("alex", {"plan": SECRET}, action="Sign the offer", private=True)


def test_unlocked_read_and_approved(
    visit: Visit, alex: Person, asked: JSON, program: Program
) -> None:
    visitor = visit(alex)
    visitor.page.goto(asked["url"])
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text(
        "Something private waits for one person"
    )
    for words in (SECRET, "Sign the offer", "deployer", "alex"):
        assert words not in visitor.page.content()
    visitor.unlock.click()
    visitor.sees_badge("verified")
    expect(visitor.page.locator("#signed")).to_contain_text(SECRET)
    assert program.read(asked["id"])["status"] == "pending", "unlocking decides nothing"
    visitor.approve.click()
    visitor.sees_outcome("approved")


def test_somebody_elses_passkey_shows_nothing(live: Live, visit: Visit, asked: JSON) -> None:
    visitor = visit(live.person("robin"))
    visitor.expects("status of 403")
    visitor.page.goto(asked["url"])
    visitor.unlock.click()
    visitor.sees_outcome("wrong-person", "Somebody else was asked", "Nothing was shown")
    assert "alex" not in visitor.page.content()
    expect(visitor.unlock).to_be_enabled()


def test_a_prompt_given_up_can_be_tried_again(visit: Visit, alex: Person, asked: JSON) -> None:
    visitor = visit(alex)
    visitor.page.goto(asked["url"])
    visitor.passkey.verify_person(False)
    visitor.unlock.click()
    visitor.sees_note("prompt was closed")
    visitor.passkey.verify_person(True)
    visitor.unlock.click()
    visitor.sees_badge("verified")


def test_without_a_passkey_at_hand_there_are_other_ways(visit: Visit, asked: JSON) -> None:
    for options, state in (
        ({"transport": "usb"}, "no-passkey"),
        ({"user_agent": IN_APP}, "in-app"),
    ):
        visitor = visit(**options)
        if state == "in-app":
            visitor.context.add_init_script("delete window.PublicKeyCredential")
        visitor.page.goto(asked["url"])
        visitor.sees_outcome(state)
        expect(visitor.outcome(state).locator("img.qr")).to_be_visible()


def test_what_is_open_locks_itself_again(
    live: Live, visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex", {"plan": SECRET}, private=True, ttlSeconds=3600)
    visitor = visit(alex)
    visitor.allows("status of 403")
    visitor.page.goto(asked["url"])
    visitor.unlock.click()
    visitor.sees_badge("verified")
    live.clock.advance(16 * 60)
    visitor.page.evaluate("() => { dispatchEvent(new Event('online')); }")
    expect(visitor.unlock).to_be_visible()
    assert SECRET not in visitor.page.content()


def test_what_is_signed_to_unlock_is_never_an_approval(
    visit: Visit, alex: Person, asked: JSON
) -> None:
    visitor = visit(alex)
    approval = {"challenge": "A" * 64, "rpId": "localhost", "timeout": 1000}
    visitor.page.route("**/unlock/options", lambda route: route.fulfill(json=approval))
    visitor.page.goto(asked["url"])
    visitor.unlock.click()
    visitor.sees_note("asked to sign something else")
    assert visitor.passkey.signatures == 0
