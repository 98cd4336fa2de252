"""Signing in and the account page: each change asks the passkey, and says what failed."""

import pytest
from playwright.sync_api import Locator, expect
from tests.e2e.browser import Visitor
from tests.e2e.conftest import Visit
from tests.live import Live
from tests.people import Person, raise_for

from cosignet.core.access import Scope
from cosignet.server.runtime import Runtime
from cosignet.server.services import access


@pytest.fixture
def settings() -> dict[str, str]:
    return {"COSIGNET_API_INVITES": "activate"}


@pytest.fixture
def owner(live: Live) -> Person:
    """The owner, who has a first key."""
    live.program()
    person = Person(live.url)
    person.register(live.owner_link(), "ada")
    return person


@pytest.fixture
def olga(live: Live) -> Person:
    """Somebody who waits for activation."""
    person = Person(live.url)
    code = live.program(Scope.ADMIN, name="inviter").post("/api/invites", {}).json()["code"]
    person.register(code, "olga")
    return person


def heading(visitor: Visitor) -> Locator:
    return visitor.page.get_by_role("heading", level=1)


def button(visitor: Visitor, name: str) -> Locator:
    return visitor.page.get_by_role("button", name=name, exact=True)


def passkeys(visitor: Visitor) -> Locator:
    return visitor.page.get_by_role("region", name="Your passkeys").get_by_role("listitem")


def sign_in(visitor: Visitor) -> None:
    visitor.page.goto(f"{visitor.url}/account")
    expect(heading(visitor)).to_have_text("Sign in")
    button(visitor, "Sign in with passkey").click()
    expect(heading(visitor)).to_have_text("Your account")


def test_somebody_signs_in_and_out(visit: Visit, alex: Person) -> None:
    visitor = visit(alex)
    sign_in(visitor)
    expect(visitor.page.locator(".facts")).to_contain_text("alex")
    cookies = {one["name"]: one for one in visitor.context.cookies()}
    assert cookies["cosignet_sid"]["httpOnly"]
    assert cookies["cosignet_sid"]["sameSite"] == "Lax"
    assert "cosignet_lc" not in cookies
    button(visitor, "Sign out").click()
    expect(heading(visitor)).to_have_text("Sign in")
    visitor.page.goto(f"{visitor.url}/account")
    expect(heading(visitor)).to_have_text("Sign in")


def test_signing_out_works_without_javascript(visit: Visit, alex: Person) -> None:
    alex.sign_in()
    visitor = visit(scripts=False)
    token = alex.http.cookies["cosignet_sid"]
    visitor.context.add_cookies([{"name": "cosignet_sid", "value": token, "url": visitor.url}])
    visitor.page.goto(f"{visitor.url}/account")
    expect(visitor.page.locator("noscript .note")).to_contain_text("needs JavaScript")
    button(visitor, "Sign out").click()
    expect(heading(visitor)).to_have_text("Sign in")
    assert alex.http.get("/account").status_code == 401


def test_a_prompt_that_is_closed_or_finds_no_passkey_is_told(visit: Visit, alex: Person) -> None:
    visitor = visit(alex)
    visitor.page.goto(f"{visitor.url}/login")
    visitor.passkey.verify_person(False)
    button(visitor, "Sign in with passkey").click()
    visitor.sees_note("You are not signed in", "choose “another device”")
    visitor.passkey.verify_person(True)
    visitor.passkey.forget()
    button(visitor, "Sign in with passkey").click()
    visitor.sees_note("You are not signed in", "has no passkey for this site")
    visitor.passkey.hold(alex)
    button(visitor, "Sign in with passkey").click()
    expect(heading(visitor)).to_have_text("Your account")


FAIL = """
navigator.credentials.%s = async () => { throw new DOMException("as asked", "%s"); };
"""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("NotAllowedError", "You are not signed in"),
        ("SecurityError", "Passkeys do not work at this address"),
        ("AbortError", "The prompt was closed"),
        ("TimeoutError", "The prompt timed out"),
        ("UnknownError", "The passkey did not answer"),
        ("NotReadableError", "The passkey could not be read"),
    ],
)
def test_each_error_of_the_browsers_dialog_is_put_into_words(
    visit: Visit, alex: Person, error: str, words: str
) -> None:
    visitor = visit(alex)
    visitor.context.add_init_script(FAIL % ("get", error))
    visitor.page.goto(f"{visitor.url}/login")
    button(visitor, "Sign in with passkey").click()
    visitor.sees_note(words)
    expect(visitor.page.locator("#note")).not_to_contain_text("as asked")
    expect(button(visitor, "Sign in with passkey")).to_be_focused()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("NotAllowedError", "No passkey was created"),
        ("InvalidStateError", "already holds a passkey for you"),
        ("ConstraintError", "cannot check that it is you"),
        ("NotSupportedError", "no kind of passkey that we accept"),
        ("SecurityError", "Passkeys do not work at this address"),
        ("TimeoutError", "The prompt timed out"),
    ],
)
def test_each_error_of_creating_is_put_into_words(
    visit: Visit, alex: Person, error: str, words: str
) -> None:
    visitor = visit(alex)
    visitor.context.add_init_script(FAIL % ("create", error))
    sign_in(visitor)
    button(visitor, "Add on this device").click()
    visitor.sees_note(words)
    expect(passkeys(visitor)).to_have_count(1)


def test_a_browser_without_passkeys_is_told(visit: Visit, alex: Person) -> None:
    visitor = visit()
    visitor.context.add_init_script("delete window.PublicKeyCredential")
    visitor.page.goto(f"{visitor.url}/login")
    expect(visitor.page.get_by_text("This browser cannot use passkeys")).to_be_visible()
    expect(button(visitor, "Sign in with passkey")).to_be_hidden()


def test_a_second_passkey_is_added_and_one_is_revoked(
    live: Live, visit: Visit, alex: Person
) -> None:
    visitor = visit(alex)
    sign_in(visitor)
    expect(button(visitor, "Revoke")).to_have_count(0)
    # The device that has a passkey for somebody makes no second one; so another is plugged in
    # while the first one's prompt has been answered.
    visitor.page.expose_function("plugIn", lambda: visitor.passkey.replace())
    visitor.page.evaluate(
        """() => {
          const create = navigator.credentials.create.bind(navigator.credentials);
          navigator.credentials.create = async (options) => {
            window.hints = options.publicKey.hints;
            await plugIn();
            return create(options);
          };
        }"""
    )
    button(visitor, "Add on another device").click()
    expect(passkeys(visitor)).to_have_count(2)
    expect(visitor.page.get_by_text("You have one. Should you lose it")).to_have_count(0)
    assert len(visitor.passkey.credentials) == 1
    visitor.open(live.program().ask("alex")["url"])
    visitor.approve.click()
    visitor.sees_outcome("approved")

    visitor.page.goto(f"{visitor.url}/account")
    expect(passkeys(visitor).first).to_contain_text("signed in with this one")
    passkeys(visitor).first.get_by_role("button", name="Revoke the passkey created").click()
    # The session ends with the passkey that opened it.
    expect(heading(visitor)).to_have_text("Sign in")
    button(visitor, "Sign in with passkey").click()
    expect(passkeys(visitor)).to_have_count(1)
    assert alex.http.post("/login/options", json={}).is_success


def test_this_device_makes_no_second_passkey_for_the_same_person(
    visit: Visit, alex: Person
) -> None:
    visitor = visit(alex)
    sign_in(visitor)
    button(visitor, "Add on this device").click()
    visitor.sees_note("This device already holds a passkey for you here", "use another device")
    expect(passkeys(visitor)).to_have_count(1)


def test_an_owner_activates_who_waits(
    live: Live, visit: Visit, owner: Person, olga: Person
) -> None:
    waits = visit(olga)
    sign_in(waits)
    expect(waits.page.get_by_text("You wait for activation")).to_be_visible()
    expect(button(waits, "Add on this device")).to_have_count(0)
    visitor = visit(owner)
    sign_in(visitor)
    row = visitor.page.get_by_role("region", name="Waiting for activation")
    expect(row).to_contain_text("invited by the API key inviter")
    visitor.passkey.verify_person(False)
    button(visitor, "Activate olga").click()
    visitor.sees_note("The prompt was closed", "Nothing was changed")
    expect(row).to_be_visible()
    visitor.passkey.verify_person(True)
    button(visitor, "Activate olga").click()
    expect(row).to_have_count(0)
    waits.open(live.program().ask("olga")["url"])
    waits.approve.click()
    waits.sees_outcome("approved")


def test_an_owner_invites_somebody_again(live: Live, visit: Visit, owner: Person) -> None:
    live.person("kim")
    visitor = visit(owner)
    sign_in(visitor)
    button(visitor, "Invite kim again").click()
    shown = visitor.page.locator("#invited")
    expect(shown).to_be_focused()
    expect(shown).to_contain_text("kim")
    link = visitor.page.locator("#invited-link").inner_text()
    lost = visit()
    lost.page.goto(link)
    expect(heading(lost)).to_have_text("A new passkey for kim")
    lost.page.get_by_role("button", name="Create passkey").click()
    lost.page.get_by_role("button", name="Approve with passkey").click()
    expect(heading(lost)).to_have_text("You are ready, kim")
    lost.open(live.program().ask("kim")["url"])
    lost.approve.click()
    lost.sees_outcome("approved")


def test_who_is_signed_out_meanwhile_is_led_to_the_sign_in_page(
    live: Live, visit: Visit, owner: Person, olga: Person
) -> None:
    visitor = visit(owner)
    sign_in(visitor)
    visitor.expects("status of 401")
    visitor.context.clear_cookies()
    button(visitor, "Activate olga").click()
    expect(heading(visitor)).to_have_text("Sign in")


def test_what_a_colleague_changed_meanwhile_is_told(
    live: Live, visit: Visit, owner: Person, olga: Person
) -> None:
    visitor = visit(owner)
    sign_in(visitor)
    expect(button(visitor, "Activate olga")).to_be_enabled()

    async def activate(rt: Runtime) -> None:
        organisation = await access.default_organisation(rt)
        await access.activate_approver(rt, organisation.id, "olga")

    live.run(activate)
    visitor.expects("status of 409")
    button(visitor, "Activate olga").click()
    visitor.sees_note("That has been changed already", "Load the page again")


def test_a_hostile_name_of_a_key_stays_text(live: Live, visit: Visit, owner: Person) -> None:
    name = "<img src=x onerror=alert(1)>\u202egnp"
    code = live.program(Scope.ADMIN, name=name).post("/api/invites", {}).json()["code"]
    Person(live.url).register(code, "mallory")
    visitor = visit(owner)
    sign_in(visitor)
    row = visitor.page.get_by_role("region", name="Waiting for activation")
    expect(row).to_contain_text("<img src=x onerror=alert(1)>")
    expect(row.locator(".chip")).to_have_text("U+202E")
    assert raise_for(owner.http.get("/healthz"))["status"] == "ok"


@pytest.mark.parametrize("path", ["/login/options", "/account/confirm"])
def test_an_approvals_challenge_is_never_signed_under_another_name(
    live: Live, visit: Visit, owner: Person, olga: Person, path: str
) -> None:
    """A server, or somebody between, that lets a sign-in or a change ask for 48 bytes."""
    asked = live.program().ask("ada")["id"]
    options = raise_for(owner.http.post(f"/confirm/{asked}/options", json={"purpose": "approve"}))
    visitor = visit(owner)
    if path == "/account/confirm":
        sign_in(visitor)
    before = visitor.passkey.signatures
    visitor.page.route(f"**{path}", lambda route: route.fulfill(json=options))
    if path == "/account/confirm":
        button(visitor, "Activate olga").click()
    else:
        visitor.page.goto(f"{visitor.url}/login")
        button(visitor, "Sign in with passkey").click()
    visitor.sees_note("The server asked for something else than it should", "Nothing was signed")
    assert visitor.passkey.signatures == before
