"""The pages of registering, signing in and the account, in the states `states.py` lacks."""

from itertools import count

from playwright.sync_api import expect
from tests.e2e.browser import Visitor
from tests.e2e.states import Stage, State, create
from tests.people import Person, raise_for

from cosignet.core.access import Scope
from cosignet.server.ledger import MONITOR_KEY_PURPOSE
from cosignet.server.runtime import Runtime
from cosignet.server.services import access
from cosignet.server.services.invite import Terms
from cosignet.server.store import organisations
from cosignet.server.store.organisations import Organisation

NUMBERS = count()


def organisation(stage: Stage) -> str:
    """Return the id of a new organisation, so that no state sees another one's people."""

    async def work(rt: Runtime) -> str:
        sealed = rt.seal(rt.random(32), purpose=MONITOR_KEY_PURPOSE)
        new = Organisation(rt.new_id(), f"acme{next(NUMBERS)}", "Acme", sealed, True)
        async with rt.database.transaction() as tx:
            await organisations.insert(tx, new)
        return new.id

    return stage.live.run(work)


def join(stage: Stage, person: Person, organisation_id: str, role: str = "approver") -> Person:
    """Move somebody to an organisation."""

    async def work(rt: Runtime) -> None:
        async with rt.database.transaction() as tx:
            found = await tx.fetch_one(
                "UPDATE approvers SET organisation_id = $1, role = $2 WHERE username = $3"
                " RETURNING id",
                organisation_id,
                role,
                person.username,
            )
            assert found is not None
            sql = "UPDATE credentials SET organisation_id = $1 WHERE approver_id = $2"
            await tx.execute(sql, organisation_id, found["id"])

    stage.live.run(work)
    return person


def member(stage: Stage, name: str) -> Person:
    """Return a new person."""
    person = Person(stage.live.url)
    person.register(stage.live.invite(), f"{name}{next(NUMBERS)}")
    return person


def owner(stage: Stage, organisation_id: str | None = None) -> Person:
    """Return a new person who owns an organisation."""
    return join(stage, member(stage, "owner"), organisation_id or organisation(stage), "owner")


def waiting(stage: Stage, key: str = "onboarding") -> Person:
    """Return a new person whom an API key invited."""
    person = Person(stage.live.url)
    invited = stage.live.program(Scope.ADMIN, name=key).post("/api/invites", {})
    person.register(invited.json()["code"], f"olga{next(NUMBERS)}")
    return person


def account(stage: Stage, person: Person) -> Visitor:
    """Sign in."""
    visitor = stage.visit(person)
    visitor.page.goto(f"{stage.live.url}/account")
    visitor.page.get_by_role("button", name="Sign in with passkey").click()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Your account")
    expect(visitor.page.locator("main button:disabled")).to_have_count(0)
    return visitor


def login(stage: Stage) -> Visitor:
    visitor = stage.visit()
    visitor.page.goto(f"{stage.live.url}/login")
    visitor.page.locator("summary").click()
    return visitor


def login_given_up(stage: Stage) -> Visitor:
    visitor = stage.visit()
    visitor.page.goto(f"{stage.live.url}/login")
    visitor.page.get_by_role("button", name="Sign in with passkey").click()
    visitor.sees_note("You are not signed in")
    return visitor


def login_unsupported(stage: Stage) -> Visitor:
    visitor = stage.visit()
    visitor.context.add_init_script("delete window.PublicKeyCredential")
    visitor.page.goto(f"{stage.live.url}/login")
    return visitor


def login_without_scripts(stage: Stage) -> Visitor:
    visitor = stage.visit(scripts=False)
    visitor.page.goto(f"{stage.live.url}/login")
    return visitor


def account_owner(stage: Stage) -> Visitor:
    acme = organisation(stage)
    person = owner(stage, acme)
    person.sign_in()
    person.add_passkey()
    for key in (
        "onboarding",
        "a name as long as one may be, of eighty characters, \u202egnp" + "!" * 20,
    ):
        join(stage, waiting(stage, key), acme)
    for name in ("mira", "noah"):
        join(stage, member(stage, name), acme)
    return account(stage, person)


def account_key_shown(stage: Stage) -> Visitor:
    visitor = account(stage, owner(stage))
    visitor.page.get_by_role("button", name="Show my first API key").click()
    expect(visitor.page.locator("#key")).to_contain_text("cosk_")
    return visitor


def account_flagged(stage: Stage) -> Visitor:
    person = member(stage, "mira")
    person.passkey.backed_up = False

    async def flag(rt: Runtime) -> None:
        async with rt.database.transaction() as tx:
            await tx.execute(
                "UPDATE credentials SET flagged_at = 1, backed_up = FALSE WHERE credential_id = $1",
                person.passkey.credential_id,
            )

    stage.live.run(flag)
    return account(stage, person)


def account_given_up(stage: Stage) -> Visitor:
    visitor = account(stage, owner(stage))
    visitor.passkey.verify_person(False)
    visitor.page.get_by_role("button", name="Add on this device").click()
    visitor.sees_note("Nothing was changed")
    return visitor


def account_invited(stage: Stage) -> Visitor:
    acme = organisation(stage)
    mira = join(stage, member(stage, "mira"), acme)
    visitor = account(stage, owner(stage, acme))
    visitor.page.get_by_role("button", name=f"Invite {mira.username} again").click()
    expect(visitor.page.locator("#invited")).to_be_visible()
    return visitor


def account_without_scripts(stage: Stage) -> Visitor:
    person = owner(stage)
    person.sign_in()
    visitor = stage.visit(scripts=False)
    token = person.http.cookies["cosignet_sid"]
    visitor.context.add_cookies([{"name": "cosignet_sid", "value": token, "url": stage.live.url}])
    visitor.page.goto(f"{stage.live.url}/account")
    return visitor


def invite_owned(stage: Stage) -> Visitor:
    async def forget(rt: Runtime) -> None:
        async with rt.database.transaction() as tx:
            await tx.execute(
                "UPDATE approvers SET role = 'approver' WHERE role = 'owner' AND organisation_id ="
                " (SELECT id FROM organisations WHERE slug = 'default')"
            )

    stage.live.run(forget)
    address = stage.live.owner_link()
    Person(stage.live.url).register(address, f"ada{next(NUMBERS)}")
    return stage.refused(address.removeprefix(stage.live.url), 403)


def invite_pinned(stage: Stage) -> Visitor:
    visitor = stage.invited(Terms(pinned_username=f"robin{next(NUMBERS)}"))
    visitor.expects("status of 403")
    visitor.page.get_by_label("Username").evaluate("field => { field.readOnly = false; }")
    create(visitor, "sam")
    expect(visitor.page.get_by_role("heading", level=1)).to_contain_text("alone.")
    return visitor


def invite_name_taken(stage: Stage) -> Visitor:
    name = f"taken{next(NUMBERS)}"
    program = stage.live.program(Scope.ADMIN)
    code = raise_for(program.post("/api/invites", {"pinnedUsername": name}))["code"]
    stage.live.person(name)
    return stage.refused(f"/register?invite={code}", 403)


def invite_name_revoked(stage: Stage) -> Visitor:
    name = f"gone{next(NUMBERS)}"
    code = stage.live.invite(Terms(pinned_username=name))
    stage.live.person(name)

    async def revoke(rt: Runtime) -> None:
        organisation = await access.default_organisation(rt)
        await access.revoke_approver(rt, organisation.id, name)

    stage.live.run(revoke)
    return stage.refused(f"/register?invite={code}", 403)


PEOPLE_STATES: dict[str, State] = {
    "login": login,
    "login-given-up": login_given_up,
    "login-unsupported": login_unsupported,
    "login-without-scripts": login_without_scripts,
    "account": lambda stage: account(stage, member(stage, "mira")),
    "account-waiting": lambda stage: account(stage, waiting(stage)),
    "account-owner": account_owner,
    "account-first-key": lambda stage: account(stage, owner(stage)),
    "account-key-shown": account_key_shown,
    "account-flagged": account_flagged,
    "account-given-up": account_given_up,
    "account-invited": account_invited,
    "account-without-scripts": account_without_scripts,
    "register-reinvite": lambda stage: stage.invited(Terms(pinned_username=stage.kim.username)),
    "invite-none": lambda stage: stage.refused("/register", 403),
    "invite-owned": invite_owned,
    "invite-pinned": invite_pinned,
    "invite-name-taken": invite_name_taken,
    "invite-name-revoked": invite_name_revoked,
}
"""None of them needs a server that nobody owns; each can follow any other."""
