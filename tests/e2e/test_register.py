"""Registering at the page: from a link to an approver with a passkey, and to a first API key."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect
from tests.e2e.browser import Visitor
from tests.e2e.conftest import Visit
from tests.live import Live, Process
from tests.people import Person, Program

from cosignet.core.access import Scope
from cosignet.server.runtime import Runtime
from cosignet.server.services import access
from cosignet.server.services.invite import Terms

PRACTICE = "Try it once: nothing will happen"


def link(live: Live, terms: Terms | None = None) -> str:
    return f"{live.url}/register?invite={live.invite(terms)}"


def heading(visitor: Visitor) -> Locator:
    return visitor.page.get_by_role("heading", level=1)


def create(visitor: Visitor, username: str) -> None:
    visitor.page.get_by_label("Username").fill(username)
    visitor.page.get_by_role("button", name="Create passkey").click()


def practise(visitor: Visitor) -> None:
    expect(heading(visitor)).to_have_text(PRACTICE)
    visitor.page.get_by_role("button", name="Approve with passkey").click()


def copied(visitor: Visitor, button: str) -> str:
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.page.get_by_role("button", name=button).click()
    expect(visitor.page.locator("#copied")).to_have_text("Copied.")
    return visitor.page.evaluate("navigator.clipboard.readText()")


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    with Process(tmp_path / "data") as running:
        yield running


def test_from_the_printed_link_to_the_first_approved_action(
    process: Process, chromium: Browser
) -> None:
    owner = Visitor(chromium, process.url)
    owner.page.goto(process.owner_link())
    expect(heading(owner)).to_have_text("Become the owner of this Cosignet")
    create(owner, "Alex")
    practise(owner)
    expect(heading(owner)).to_have_text("You are ready, alex")
    command = copied(owner, "Copy command")
    key = copied(owner, "Copy key")
    assert key in command
    assert len(owner.passkey.credentials) == 1
    assert owner.passkey.credentials[0]["isResidentCredential"]

    ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    asked = json.loads(ran.stdout)
    assert asked["status"] == "pending"
    owner.open(asked["url"])
    owner.approve.click()
    owner.sees_outcome("approved")
    assert Program(process.url, key).read(asked["id"])["status"] == "approved"

    owner.expects("status of 403")
    owner.page.goto(process.owner_link())
    expect(heading(owner)).to_have_text("This Cosignet has an owner already.")
    expect(owner.page.get_by_text(key)).to_have_count(0)
    owner.leave()


def test_curl_is_there() -> None:
    assert shutil.which("curl"), "apt-get install -y curl"


def test_an_invited_approver_registers_and_can_decide(
    live: Live, visit: Visit, program: Program
) -> None:
    visitor = visit()
    visitor.page.goto(link(live, Terms(note="For the night shift")))
    expect(heading(visitor)).to_have_text("You are invited to decide")
    expect(visitor.page.get_by_text("For the night shift")).to_be_visible()
    create(visitor, "robin")
    practise(visitor)
    expect(heading(visitor)).to_have_text("You are ready, robin")
    expect(visitor.page.get_by_text("Your first API key")).to_be_hidden()
    visitor.open(program.ask("robin")["url"])
    visitor.approve.click()
    visitor.sees_outcome("approved")
    assert visitor.passkey.signatures == 3, "creation, practice, approval"


def test_the_key_is_shown_once_and_only_to_the_first_owner(live: Live, visit: Visit) -> None:
    owner = visit()
    owner.page.goto(live.owner_link())
    create(owner, "alex")
    practise(owner)
    expect(owner.page.locator("#key")).to_contain_text("cosk_")
    key = owner.page.locator("#key").inner_text()
    assert Program(live.url, key).get("/api/confirmations").status_code == 200
    owner.expects("status of 403")
    owner.page.reload()
    expect(heading(owner)).to_have_text("This Cosignet has an owner already.")
    assert key not in owner.page.content()


def sign_in(visitor: Visitor) -> None:
    visitor.page.get_by_role("link", name="Sign in with passkey").click()
    visitor.page.get_by_role("button", name="Sign in with passkey").click()
    expect(heading(visitor)).to_have_text("Your account")


def takes_first_key(owner: Visitor) -> str:
    owner.page.get_by_role("button", name="Show my first API key").click()
    expect(owner.page.locator("#key")).to_contain_text("cosk_")
    expect(owner.page.get_by_role("button", name="Show my first API key")).to_be_hidden()
    return copied(owner, "Copy key")


def works(live: Live, key: str) -> bool:
    return Program(live.url, key).get("/api/confirmations").is_success


def test_an_owner_who_reloads_before_practice_gets_the_first_key(live: Live, visit: Visit) -> None:
    owner = visit()
    owner.page.goto(live.owner_link())
    create(owner, "alex")
    expect(heading(owner)).to_have_text(PRACTICE)
    owner.expects("status of 403")
    owner.page.reload()
    sign_in(owner)
    key = takes_first_key(owner)
    assert works(live, key)
    asked = Program(live.url, key).ask("alex")
    owner.page.reload()
    expect(heading(owner)).to_have_text("Your account")
    assert key not in owner.page.content()
    expect(owner.page.get_by_text("first API key")).to_have_count(0)
    owner.open(asked["url"])
    owner.approve.click()
    owner.sees_outcome("approved")


def test_an_owner_who_reloads_after_practice_gets_the_first_key_anew(
    live: Live, visit: Visit
) -> None:
    owner = visit()
    owner.page.goto(live.owner_link())
    create(owner, "alex")
    practise(owner)
    expect(owner.page.locator("#key")).to_contain_text("cosk_")
    lost = owner.page.locator("#key").inner_text()
    owner.expects("status of 403")
    owner.page.reload()
    owner.page.goto(f"{live.url}/account")  # practising has signed in
    kept = takes_first_key(owner)
    assert (works(live, lost), works(live, kept)) == (False, True)


def pinned_existing(live: Live) -> str:
    return live.invite(Terms(pinned_username=live.person("robin").username))


def used(live: Live) -> str:
    code = live.invite()
    Person(live.url).register(code, "robin")
    return code


def expired(live: Live) -> str:
    code = live.invite(Terms(expires_at=live.clock() + 60_000))
    live.clock.advance(61)
    return code


def owned(live: Live) -> str:
    link = live.owner_link()
    Person(live.url).register(link, "ada")
    return link.rpartition("=")[2]


def taken(live: Live) -> str:
    invited = live.program(Scope.ADMIN).post("/api/invites", {"pinnedUsername": "robin"})
    live.person("robin")
    return invited.json()["code"]


def name_revoked(live: Live) -> str:
    code = pinned_existing(live)

    async def revoke(rt: Runtime) -> None:
        organisation = await access.default_organisation(rt)
        await access.revoke_approver(rt, organisation.id, "robin")

    live.run(revoke)
    return code


def revoked(live: Live) -> str:
    code = live.invite()
    answer = live.program(Scope.ADMIN).post(f"/api/invites/{code}/revoke")
    assert answer.is_success
    return code


@pytest.mark.parametrize(
    ("code", "title", "cure"),
    [
        (used, "This invite has been used.", "If it was you who used it"),
        (expired, "This invite has expired.", "Nobody can register with it any more."),
        (revoked, "This invite was revoked.", "Ask whoever sent it for a new one."),
        (owned, "This Cosignet has an owner already.", "you find your first API key there"),
        (
            taken,
            "The name this invite is for belongs to somebody by now.",
            "under another name",
        ),
        (
            name_revoked,
            "The name this invite is for was revoked for ever.",
            "never given again",
        ),
        (lambda _: "nobody-made-this", "This invite is not known.", "or ask for a new one."),
        (lambda _: "", "This link carries no invite.", "Open it again from where it was sent"),
    ],
    ids=["used", "expired", "revoked", "owned", "taken", "name-revoked", "unknown", "none"],
)
def test_an_invite_that_cannot_be_used_says_why(
    live: Live, visit: Visit, code: object, title: str, cure: str
) -> None:
    assert callable(code)
    visitor = visit()
    visitor.expects("status of 403")
    visitor.page.goto(f"{live.url}/register?invite={code(live)}")
    expect(heading(visitor)).to_have_text(title)
    expect(visitor.page.get_by_text(cure)).to_be_visible()
    expect(visitor.page.get_by_role("button")).to_have_count(0)


@pytest.mark.parametrize("made", [used, expired, revoked], ids=["used", "expired", "revoked"])
def test_an_invite_that_ends_while_its_page_is_open_says_so(
    live: Live, visit: Visit, monkeypatch: pytest.MonkeyPatch, made: object
) -> None:
    assert callable(made)
    code = live.invite(Terms(expires_at=live.clock() + 60_000))
    visitor = visit()
    visitor.expects("status of 403")
    visitor.page.goto(f"{live.url}/register?invite={code}")
    monkeypatch.setattr(live, "invite", lambda *_: code)
    made(live)
    create(visitor, "alex")
    words = {used: "has been used", expired: "has expired", revoked: "was revoked"}
    visitor.sees_note(words[made])
    assert visitor.passkey.credentials == []


def test_a_pinned_invite_names_who_it_is_for(live: Live, visit: Visit) -> None:
    visitor = visit()
    visitor.page.goto(link(live, Terms(pinned_username="robin")))
    name = visitor.page.get_by_label("Username")
    expect(name).to_have_value("robin")
    expect(name).not_to_be_editable()
    visitor.page.get_by_role("button", name="Create passkey").click()
    practise(visitor)
    expect(heading(visitor)).to_have_text("You are ready, robin")


def test_a_pinned_invite_is_for_nobody_else(live: Live, visit: Visit) -> None:
    visitor = visit()
    visitor.expects("status of 403")
    visitor.page.goto(link(live, Terms(pinned_username="robin")))
    visitor.page.get_by_label("Username").evaluate("field => { field.readOnly = false; }")
    create(visitor, "alex")
    expect(heading(visitor)).to_have_text("This invite is for robin alone.")
    page = visitor.page.locator("main")
    expect(page).to_contain_text("No passkey was created, and the invite has not been used.")
    expect(page).to_contain_text("ask for an invite of your own")
    assert visitor.passkey.credentials == []
    visitor.page.get_by_role("link", name="Go on as robin").click()
    visitor.page.get_by_role("button", name="Create passkey").click()
    practise(visitor)
    expect(heading(visitor)).to_have_text("You are ready, robin")


@pytest.mark.parametrize("scripts", [True, False])
def test_who_is_somebody_else_than_the_invite_says_is_told_what_to_do(
    live: Live, visit: Visit, scripts: bool
) -> None:
    visitor = visit(scripts=scripts)
    visitor.expects("status of 403")
    visitor.page.goto(link(live, Terms(pinned_username="robin")))
    visitor.page.get_by_role("link", name="See what to do").click()
    expect(heading(visitor)).to_have_text("This invite is for robin alone.")
    visitor.page.get_by_role("link", name="Go on as robin").click()
    expect(visitor.page.get_by_label("Username")).to_have_value("robin")


def test_a_reinvite_adds_a_passkey_but_not_the_same_twice(live: Live, visit: Visit) -> None:
    robin = live.person("robin")
    visitor = visit(robin)
    visitor.page.goto(link(live, Terms(pinned_username="robin")))
    visitor.page.get_by_role("button", name="Create passkey").click()
    visitor.sees_note("This device already holds a passkey for you here")
    visitor.passkey.replace()
    expect(heading(visitor)).to_have_text("A new passkey for robin")
    visitor.page.get_by_role("button", name="Create passkey").click()
    practise(visitor)
    expect(heading(visitor)).to_have_text("You are ready, robin")


def test_a_second_passkey_is_offered_at_the_end(live: Live, visit: Visit) -> None:
    visitor = visit()
    visitor.page.goto(link(live))
    create(visitor, "robin")
    practise(visitor)
    visitor.page.get_by_role("link", name="Add a second passkey").click()
    expect(heading(visitor)).to_have_text("Your account")
    expect(visitor.page.get_by_text("You have one. Should you lose it")).to_be_visible()


def test_a_taken_username_is_told_and_another_one_works(live: Live, visit: Visit) -> None:
    live.person("robin")
    visitor = visit()
    visitor.expects("status of 409")
    visitor.page.goto(link(live))
    create(visitor, "Robin")
    visitor.sees_note("That username is taken", "Choose another one")
    assert visitor.passkey.credentials == []
    create(visitor, "robin2")
    practise(visitor)
    expect(heading(visitor)).to_have_text("You are ready, robin2")


@pytest.mark.parametrize("name", ["a", "-alex", "al ex", "älex", "x" * 40])
def test_the_browser_itself_refuses_a_name_out_of_the_rule(
    live: Live, visit: Visit, name: str
) -> None:
    visitor = visit()
    visitor.page.goto(link(live))
    create(visitor, name)
    field = visitor.page.get_by_label("Username")
    if len(name) > 39:
        expect(field).to_have_value("x" * 39)
        return
    assert field.evaluate("field => field.validity.valid") is False
    expect(heading(visitor)).to_have_text("You are invited to decide")
    assert visitor.passkey.credentials == []


def test_a_reserved_name_is_refused_in_plain_words(live: Live, visit: Visit) -> None:
    visitor = visit()
    visitor.expects("status of 422")
    visitor.page.goto(link(live))
    create(visitor, "demo-alex")
    visitor.sees_note("Names that begin with “demo-” are the demo's.")


def test_creating_can_be_given_up_and_tried_again(live: Live, visit: Visit) -> None:
    visitor = visit()
    visitor.page.goto(link(live))
    visitor.passkey.verify_person(False)
    create(visitor, "robin")
    visitor.sees_note("No passkey was created", "closed, or it timed out")
    visitor.passkey.verify_person(True)
    create(visitor, "robin")
    practise(visitor)
    expect(heading(visitor)).to_have_text("You are ready, robin")
    expect(visitor.page.locator("#note")).to_be_hidden()


def test_practising_can_be_given_up_and_tried_again(live: Live, visit: Visit) -> None:
    visitor = visit()
    visitor.page.goto(link(live))
    create(visitor, "robin")
    expect(heading(visitor)).to_have_text(PRACTICE)
    visitor.passkey.verify_person(False)
    practise(visitor)
    visitor.sees_note("prompt was closed, or it timed out", "Nothing was signed")
    visitor.passkey.verify_person(True)
    practise(visitor)
    expect(heading(visitor)).to_have_text("You are ready, robin")


def test_a_device_that_cannot_check_the_person_is_told(live: Live, visit: Visit) -> None:
    visitor = visit(hasUserVerification=False, isUserVerified=False)
    visitor.page.goto(link(live))
    create(visitor, "robin")
    visitor.sees_note("No passkey was created")
    assert visitor.passkey.credentials == []


class TestActivation:
    @pytest.fixture
    def settings(self) -> dict[str, str]:
        return {"COSIGNET_API_INVITES": "activate"}

    def test_who_comes_by_a_keys_invite_learns_to_be_activated_first(
        self, live: Live, visit: Visit
    ) -> None:
        invited = live.program(Scope.ADMIN).post("/api/invites", {}).json()
        visitor = visit()
        visitor.page.goto(invited["registerUrl"])
        create(visitor, "robin")
        practise(visitor)
        expect(heading(visitor)).to_have_text("Registered, not activated yet")
        expect(
            visitor.page.get_by_text("an owner or admin of your organisation has to")
        ).to_be_visible()


def test_a_browser_without_passkeys_keeps_the_invite(live: Live, visit: Visit) -> None:
    visitor = visit()
    visitor.context.add_init_script("delete window.PublicKeyCredential")
    code = live.invite()
    visitor.page.goto(f"{live.url}/register?invite={code}")
    expect(heading(visitor)).to_have_text("This browser cannot use passkeys")
    expect(visitor.page.get_by_text("Your invite has not been used")).to_be_visible()
    Person(live.url).register(code, "robin")


def test_without_javascript_the_page_says_what_it_needs(live: Live, visit: Visit) -> None:
    visitor = visit(scripts=False)
    visitor.page.goto(link(live))
    expect(visitor.page.locator("noscript .note")).to_contain_text("needs JavaScript")
    expect(visitor.page.get_by_role("button", name="Create passkey")).to_be_disabled()


def test_two_tabs_of_one_invite_make_one_approver(live: Live, visit: Visit) -> None:
    address = link(live)
    first, second = visit(), visit()
    first.page.goto(address)
    second.page.goto(address)
    create(first, "robin")
    expect(heading(first)).to_have_text(PRACTICE)
    second.expects("status of 403")
    create(second, "sam")
    second.sees_note("This invite has been used")


def test_a_practice_never_signs_an_approvals_challenge(
    live: Live, visit: Visit, program: Program, alex: Person
) -> None:
    asked = program.ask("alex")["id"]
    answer = alex.http.post(f"/confirm/{asked}/options", json={"purpose": "approve"})
    visitor = visit()
    visitor.page.goto(link(live))
    create(visitor, "robin")
    expect(heading(visitor)).to_have_text(PRACTICE)
    visitor.page.route(
        "**/register/practice/options", lambda route: route.fulfill(json=answer.json())
    )
    practise(visitor)
    visitor.sees_note("The server asked for something else than it should", "Nothing was signed")
    assert visitor.passkey.signatures == 1, "the creation alone"
