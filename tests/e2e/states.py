"""Every page in every state it can be in, arranged in a browser: for rules and for pictures."""

from playwright.sync_api import expect
from tests.e2e.browser import Visitor
from tests.e2e.confirm_states import CONFIRM_STATES
from tests.e2e.stage import SETTINGS, Stage, State, create
from tests.people import Person

from cosignet.core.access import Scope
from cosignet.server.services.invite import Terms

__all__ = ["SETTINGS", "STATES", "Stage", "create"]


def home_of_nobody(stage: Stage) -> Visitor:
    visitor = stage.visit()
    visitor.page.goto(stage.live.url)
    return visitor


def register_owner(stage: Stage) -> Visitor:
    visitor = stage.visit()
    visitor.page.goto(stage.live.owner_link())
    return visitor


def register_practice(stage: Stage) -> Visitor:
    visitor = stage.invited()
    create(visitor, f"robin{len(stage.visitors)}")
    expect(visitor.page.locator("[data-step=practice]")).to_be_visible()
    return visitor


def register_given_up(stage: Stage) -> Visitor:
    visitor = stage.invited()
    visitor.passkey.verify_person(False)
    create(visitor, "robin")
    visitor.sees_note("No passkey was created")
    return visitor


def register_waiting(stage: Stage) -> Visitor:
    return stage.registered(
        stage.live.program(Scope.ADMIN).post("/api/invites", {}).json()["registerUrl"]
    )


def register_unsupported(stage: Stage) -> Visitor:
    visitor = stage.visit()
    visitor.context.add_init_script("delete window.PublicKeyCredential")
    visitor.page.goto(f"{stage.live.url}/register?invite={stage.live.invite()}")
    return visitor


def invite_used(stage: Stage) -> Visitor:
    code = stage.live.invite()
    Person(stage.live.url).register(code, f"kim{len(stage.visitors)}")
    return stage.refused(f"/register?invite={code}", 403)


def invite_expired(stage: Stage) -> Visitor:
    code = stage.live.invite(Terms(expires_at=stage.live.clock() - 1))
    return stage.refused(f"/register?invite={code}", 403)


def invite_revoked(stage: Stage) -> Visitor:
    code = stage.live.invite()
    assert stage.live.program(Scope.ADMIN).post(f"/api/invites/{code}/revoke").is_success
    return stage.refused(f"/register?invite={code}", 403)


STATES: dict[str, State] = {
    # In this order: the first three need a server that nobody owns yet.
    "home-fresh": home_of_nobody,
    "register-owner": register_owner,
    "register-owner-ready": lambda stage: stage.registered(stage.live.owner_link()),
    "home": home_of_nobody,
    "register": lambda stage: stage.invited(Terms(note="For the night shift, until Monday")),
    "register-pinned": lambda stage: stage.invited(Terms(pinned_username="robin")),
    "register-practice": register_practice,
    "register-given-up": register_given_up,
    "register-ready": lambda stage: stage.registered(
        f"{stage.live.url}/register?invite={stage.live.invite()}"
    ),
    "register-waiting": register_waiting,
    "register-unsupported": register_unsupported,
    "register-without-scripts": lambda stage: stage.invited(scripts=False),
    "invite-used": invite_used,
    "invite-expired": invite_expired,
    "invite-revoked": invite_revoked,
    "invite-unknown": lambda stage: stage.refused("/register?invite=nobody", 403),
    "not-found": lambda stage: stage.refused("/confirm/nobody", 404),
    **CONFIRM_STATES,
}
