"""The confirm page in every state it can be in: see `states`."""

from typing import Any

from playwright.sync_api import expect
from tests.e2e.browser import Visitor
from tests.e2e.stage import RICH, Stage, State
from tests.people import Person

from cosignet.core.access import Scope

IN_APP = (
    "Mozilla/5.0 (Linux; Android 15; Pixel 9 Build/AP4A; wv) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Version/4.0 Chrome/131.0.0.0 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/490.0.0.0;]"
)


def confirm_checking(stage: Stage) -> Visitor:
    visitor = stage.visit(stage.alex)
    visitor.page.route("**/data*", lambda _: None)  # never answered
    visitor.open(stage.ask()["url"], badge="checking")
    return visitor


def confirm_unfolded(stage: Stage) -> Visitor:
    visitor = stage.pending(RICH)
    visitor.page.locator("summary", has_text="Fingerprint").click()
    visitor.unfold_signed()
    return visitor


def confirm_signing(stage: Stage) -> Visitor:
    visitor = stage.visit(stage.alex, automaticPresenceSimulation=False)
    visitor.open(stage.ask()["url"])
    visitor.approve.click()
    visitor.sees_badge("signing")
    return visitor


def confirm_given_up(stage: Stage) -> Visitor:
    visitor = stage.pending()
    visitor.passkey.verify_person(False)
    visitor.approve.click()
    visitor.sees_note("Nothing was signed")
    return visitor


def confirm_mismatch(stage: Stage) -> Visitor:
    visitor = stage.pending()
    visitor.page.evaluate("document.querySelector('#signed .number').textContent = '4'")
    visitor.sees_badge("mismatch")
    return visitor


def confirm_away(stage: Stage) -> Visitor:
    visitor = stage.pending()
    visitor.expects("ERR_FAILED")
    visitor.page.route("**/data*", lambda route: route.abort())
    visitor.page.evaluate("dispatchEvent(new Event('online'))")  # it asks at once
    visitor.sees_badge("away")
    return visitor


def confirm_unsupported(stage: Stage) -> Visitor:
    visitor = stage.visit()
    visitor.context.add_init_script("delete window.PublicKeyCredential")
    visitor.open(stage.ask()["url"])
    return visitor


def confirm_without_scripts(stage: Stage) -> Visitor:
    visitor = stage.visit(scripts=False)
    visitor.open(stage.ask()["url"], badge=None)
    return visitor


def reject_without_scripts(stage: Stage) -> Visitor:
    visitor = confirm_without_scripts(stage)
    visitor.reject.click()
    visitor.page.wait_for_url("**/reject*")
    return visitor


def rejected_here(stage: Stage) -> Visitor:
    visitor = stage.pending()
    visitor.reject.click()
    visitor.sees_outcome("rejected")
    expect(visitor.why).to_be_visible()
    return visitor


def rejected_why(stage: Stage) -> Visitor:
    visitor = rejected_here(stage)
    visitor.say_why("I did not expect this")
    expect(visitor.page.get_by_role("group", name="Noted.")).to_be_visible()
    return visitor


def rejected_why_away(stage: Stage) -> Visitor:
    visitor = rejected_here(stage)
    visitor.expects("ERR_FAILED")
    visitor.page.route("**/reason", lambda route: route.abort())
    visitor.say_why("Not now")
    expect(visitor.page.locator("#why .note")).to_be_visible()
    return visitor


def rejected_without_scripts(stage: Stage) -> Visitor:
    visitor = reject_without_scripts(stage)
    visitor.reject.click()
    expect(visitor.why).to_be_visible()
    return visitor


def approved_here(stage: Stage) -> Visitor:
    visitor = stage.pending()
    visitor.approve.click()
    visitor.sees_outcome("approved")
    return visitor


def expired(stage: Stage) -> Visitor:
    visitor = stage.visit()
    asked = stage.ask(ttlSeconds=1)
    visitor.page.wait_for_timeout(1100)
    visitor.open(asked["url"], badge=None)
    return visitor


def cancelled(stage: Stage) -> Visitor:
    return stage.decided(lambda id_: stage.program.post(f"/api/confirmations/{id_}/cancel"))


def unfold(visitor: Visitor, words: str) -> Visitor:
    visitor.page.locator("summary", has_text=words).click()
    return visitor


def confirm_offline(stage: Stage) -> Visitor:
    visitor = stage.pending()
    visitor.allows("ERR_INTERNET_DISCONNECTED")  # what it tries meanwhile
    visitor.context.set_offline(True)
    visitor.sees_badge("offline")
    return visitor


def in_app(stage: Stage, url: str, user_agent: str = IN_APP) -> Visitor:
    visitor = stage.visit(user_agent=user_agent)
    visitor.context.add_init_script("delete window.PublicKeyCredential")
    visitor.page.goto(url)
    visitor.sees_outcome("in-app")
    return visitor


def confirm_no_passkey(stage: Stage) -> Visitor:
    visitor = stage.visit(transport="usb")
    visitor.open(stage.ask()["url"])
    visitor.approve.click()
    visitor.sees_outcome("no-passkey")
    return visitor


def confirm_wrong_person(stage: Stage) -> Visitor:
    visitor = stage.visit(stage.live.newcomer())
    visitor.hurry()
    visitor.expects("status of 403")
    visitor.open(stage.ask()["url"])
    visitor.approve.click()
    visitor.sees_outcome("wrong-person")
    return visitor


def confirm_not_activated(stage: Stage) -> Visitor:
    invited = stage.live.program(Scope.ADMIN).post("/api/invites", {}).json()
    robin = Person(stage.live.url)
    username = f"robin{len(stage.visitors)}"
    robin.register(invited["code"], username)
    visitor = stage.visit(robin)
    visitor.hurry()
    visitor.expects("status of 403")
    visitor.open(stage.program.ask(username, ttlSeconds=3600)["url"])
    visitor.approve.click()
    visitor.sees_outcome("not-activated")
    return visitor


def confirm_long_read(stage: Stage) -> Visitor:
    visitor = stage.pending(RICH)
    visitor.read_to_end()
    return visitor


def confirm_high(stage: Stage) -> Visitor:
    visitor = stage.pending(risk="high")
    expect(visitor.codes).to_have_count(3)
    return visitor


def confirm_high_wrong(stage: Stage) -> Visitor:
    visitor = stage.visit(stage.alex)
    visitor.hurry()
    visitor.expects("status of 422")
    asked = stage.ask(risk="high")
    visitor.open(asked["url"])
    visitor.pick(next(code for code in visitor.offered if code != asked["matchCode"]))
    visitor.approve.click()
    visitor.sees_note("That is not the match code")
    return visitor


def private(stage: Stage, person: Person | None = None, **options: Any) -> Visitor:
    visitor = stage.visit(person, **options)
    visitor.page.goto(stage.ask(private=True)["url"])
    expect(visitor.unlock).to_be_enabled()
    return visitor


def private_wrong_person(stage: Stage) -> Visitor:
    visitor = private(stage, stage.live.newcomer())
    visitor.expects("status of 403")
    visitor.unlock.click()
    visitor.sees_outcome("wrong-person")
    return visitor


def private_no_passkey(stage: Stage) -> Visitor:
    visitor = private(stage, transport="usb")
    visitor.sees_outcome("no-passkey")
    return visitor


def private_unlocked(stage: Stage) -> Visitor:
    visitor = private(stage, stage.alex)
    visitor.unlock.click()
    visitor.sees_badge("verified")
    expect(visitor.approve).to_be_enabled()
    return visitor


def expired_while_open(stage: Stage) -> Visitor:
    visitor = stage.visit()
    visitor.open(stage.ask(ttlSeconds=2)["url"])
    visitor.sees_outcome("expired")
    return visitor


def decided_elsewhere(stage: Stage) -> Visitor:
    visitor = stage.visit()
    asked = stage.program.ask(stage.kim.username)
    visitor.open(asked["url"])
    assert stage.kim.approve(asked["id"]).is_success
    visitor.sees_outcome("approved", "on another page or device")
    return visitor


CONFIRM_STATES: dict[str, State] = {
    "confirm-checking": confirm_checking,
    "confirm": lambda stage: stage.pending(),
    "confirm-rich": lambda stage: stage.pending(
        RICH, action="Pay Ødegård & Søn, then \u202edestroy the old infrastructure in all regions"
    ),
    "confirm-unfolded": confirm_unfolded,
    "confirm-soon": lambda stage: stage.pending(ttlSeconds=59),
    "confirm-signing": confirm_signing,
    "confirm-given-up": confirm_given_up,
    "confirm-mismatch": confirm_mismatch,
    "confirm-away": confirm_away,
    "confirm-offline": confirm_offline,
    "confirm-unsupported": confirm_unsupported,
    "confirm-in-app": lambda stage: in_app(stage, stage.ask()["url"]),
    "confirm-no-passkey": confirm_no_passkey,
    "confirm-wrong-person": confirm_wrong_person,
    "confirm-not-activated": confirm_not_activated,
    "confirm-long-read": confirm_long_read,
    "confirm-high": confirm_high,
    "confirm-high-wrong": confirm_high_wrong,
    "confirm-other-device": lambda stage: unfold(stage.pending(), "another device"),
    "private": private,
    "private-wrong-person": private_wrong_person,
    "private-no-passkey": private_no_passkey,
    "private-in-app": lambda stage: in_app(stage, stage.ask(private=True)["url"]),
    "private-without-scripts": lambda stage: stage.opened(
        stage.ask(private=True)["url"], scripts=False
    ),
    "private-unlocked": private_unlocked,
    "confirm-without-scripts": confirm_without_scripts,
    "reject-without-scripts": reject_without_scripts,
    "rejected-here": rejected_here,
    "rejected-why": rejected_why,
    "rejected-why-away": rejected_why_away,
    "rejected-without-scripts": rejected_without_scripts,
    "approved-here": approved_here,
    "approved": lambda stage: stage.decided(stage.kim.approve),
    "rejected": lambda stage: stage.decided(lambda id_: stage.kim.reject(id_, "unexpected")),
    "rejected-signed": lambda stage: stage.decided(stage.kim.reject_signed),
    "expired": expired,
    "expired-while-open": expired_while_open,
    "decided-elsewhere": decided_elsewhere,
    "cancelled": cancelled,
}
