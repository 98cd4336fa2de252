"""No path but a passkey assertion of the named, activated approver leads to `approved`.

Every route, every method, everybody who can call, and everything that looks like an answer of a
passkey but is not the named approver's over this very confirmation.
"""

from collections.abc import Callable

import httpx2
import pytest
from tests.agents import MODERN, Agent
from tests.authenticator import USER_PRESENT, USER_VERIFIED
from tests.people import JSON, PAYLOAD, Person, raise_for
from tests.security.world import ASKED, Caller, World, name, subject, target
from tests.server.rows import opened, value

from cosignet.server.mcp.tools import OFFERS
from cosignet.server.web.routes import ROUTES, Row

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")
CLAIMS: JSON = {
    "status": "approved",
    "decision": "approve",
    "approvedBy": "alex",
    "approved": True,
    "purpose": "approve",
    "role": "owner",
    "org": "default",
    "payloadHash": "0" * 64,
}
"""What somebody would like to be believed."""
NO_ANSWERS: list[object] = [{}, None, [], "approve", True, {"id": "AA", "type": "public-key"}]


def status_of(world: World, confirmation_id: str) -> object:
    """Return what the store says, expired or not."""
    with opened(world.live.data_dir / "cosignet.db") as rows:
        sql = "SELECT status FROM confirmations WHERE id = ?"
        return value(rows, sql, confirmation_id)


def approvals(world: World) -> object:
    """Return how many approvals there are in the whole store."""
    with opened(world.live.data_dir / "cosignet.db") as rows:
        sql = "SELECT count(*) FROM confirmations WHERE status = 'approved'"
        return value(rows, sql)


@pytest.mark.parametrize("row", ROUTES, ids=name)
def test_whoever_calls_whatever_with_everything_but_a_passkey_approves_nothing(
    world: World, row: Row
) -> None:
    prepared = {slug: subject(row, home) for slug, home in world.homes.items()}
    before = approvals(world)
    asked = world.home.pending()
    body = world.body(row, world.home)
    is_about_one = row.path.startswith(("/api/confirmations/{", "/confirm/{"))
    for caller in world.callers:
        of = asked if is_about_one else prepared[caller.organisation]
        for method in METHODS:
            _try(world, caller, method, target(row, of), body)
        if status_of(world, asked) != "pending":
            asked = world.home.pending()
    assert approvals(world) == before


def _try(world: World, caller: Caller, method: str, path: str, body: JSON) -> None:
    world.http.cookies.clear()
    for sent in (body, body | CLAIMS, CLAIMS):
        answer = world.http.request(method, path, headers=caller.headers, json=sent)
        assert answer.status_code < 500
        if method == "GET":
            return  # a body says nothing there; once is enough


def _of_another(world: World, asked: str) -> tuple[Person, JSON]:
    other = world.home.newcomer()
    return other, other.sign(asked)


def _of_another_organisation(world: World, asked: str) -> tuple[Person, JSON]:
    return world.away.asked, world.away.asked.sign(asked)


def _rejection(world: World, asked: str) -> tuple[Person, JSON]:
    return world.home.asked, world.home.asked.sign(asked, "reject")


def _over_another(world: World, asked: str) -> tuple[Person, JSON]:
    return world.home.asked, world.home.asked.sign(world.home.pending())


def _over_the_same_of_another_organisation(world: World, asked: str) -> tuple[Person, JSON]:
    return world.home.asked, world.home.asked.sign(world.away.pending())


def _sign_in(world: World, asked: str) -> tuple[Person, JSON]:
    person = world.home.asked
    options = raise_for(person.http.post("/login/options", json={}))
    return person, person.passkey.sign(options, origin=person.url)


def _unlock(world: World, asked: str) -> tuple[Person, JSON]:
    return world.home.asked, world.home.asked.sign_unlock(world.home.private())


def _change(world: World, asked: str) -> tuple[Person, JSON]:
    world.home.session(world.home.asked)
    return world.home.asked, world.home.asked.confirm("add_passkey")


def _practice(world: World, asked: str) -> tuple[Person, JSON]:
    person = world.home.newcomer()
    body = {"credentialId": person.credential_id}
    options = raise_for(person.http.post("/register/practice/options", json=body))
    return person, person.passkey.sign(options, origin=person.url)


def _registration(world: World, asked: str) -> tuple[Person, JSON]:
    person = Person(world.live.url)
    who = {"invite": world.home.code(), "username": "somebody-new"}
    options = raise_for(person.http.post("/register/options", json=who))
    return person, person.passkey.register(options, origin=person.url)


def _nobody_present(world: World, asked: str) -> tuple[Person, JSON]:
    return world.home.asked, world.home.asked.sign(asked, flags_off=USER_PRESENT)


def _nobody_verified(world: World, asked: str) -> tuple[Person, JSON]:
    return world.home.asked, world.home.asked.sign(asked, flags_off=USER_VERIFIED)


def _unregistered(world: World, asked: str) -> tuple[Person, JSON]:
    stranger = Person(world.live.url)
    return stranger, stranger.sign(asked, user_handle=world.home.asked.passkey.user_handle)


ANSWERS: dict[str, Callable[[World, str], tuple[Person, JSON]]] = {
    "an approval by a colleague": _of_another,
    "an approval by somebody of another organisation": _of_another_organisation,
    "a rejection": _rejection,
    "an approval of another confirmation": _over_another,
    "an approval of the same payload elsewhere": _over_the_same_of_another_organisation,
    "a sign-in": _sign_in,
    "an unlocking": _unlock,
    "a change of the account": _change,
    "a practice": _practice,
    "a registration": _registration,
    "an approval with nobody present": _nobody_present,
    "an approval by whoever holds the device": _nobody_verified,
    "an approval by a passkey nobody registered": _unregistered,
}


@pytest.mark.parametrize("what", ANSWERS)
def test_no_other_answer_of_a_passkey_approves(world: World, what: str) -> None:
    asked = world.home.pending()
    before = approvals(world)
    person, credential = ANSWERS[what](world, asked)
    answer = person.post_approval(asked, credential)
    assert answer.status_code in (403, 422), answer.text
    for row in ROUTES:
        if row.method == "POST" and "{" in row.path and row.path.startswith("/confirm/"):
            _post(person, target(row, asked), credential)
    assert approvals(world) == before


def _post(person: Person, path: str, credential: JSON) -> httpx2.Response:
    if path.endswith("/reject"):  # would end it, as it should
        return person.http.get("/healthz")
    return person.http.post(path, json={"credential": credential})


@pytest.mark.parametrize(
    "tool", [*OFFERS, "approve", "approve_confirmation", "confirmations/approve"]
)
def test_no_tool_of_an_agent_approves(world: World, tool: str) -> None:
    """Whatever it says, in the words of any of the tools, and with a passkey's answer beside it."""
    asked, before = world.home.pending(), approvals(world)
    signed = world.home.asked.sign(asked)
    about = {"id": asked, "token": "0123456789abcdef", "payload": PAYLOAD, "wait_seconds": 0}
    asking = {"action": "Deploy", "payload": PAYLOAD, "approver_username": ASKED}
    takes: tuple[str, ...] = tuple(OFFERS[tool].takes.model_fields) if tool in OFFERS else ("id",)
    arguments = {name: value for name, value in (about | asking).items() if name in takes}
    for revision in (None, MODERN):
        agent = Agent(world.live.url, world.home.admin.key, revision)
        for sent in (arguments, arguments | CLAIMS, arguments | {"credential": signed}):
            agent.call(tool, **sent)
            agent.post(agent.message("tools/call", {"name": tool, "arguments": sent, **CLAIMS}))
        for state in (asked, "approved"):
            back = {"requestState": state, "inputResponses": {"open": {"action": "accept"}}}
            agent.post(agent.message("tools/call", {"name": tool, "arguments": arguments, **back}))
    assert status_of(world, asked) == "pending"
    assert approvals(world) == before


@pytest.mark.parametrize("credential", NO_ANSWERS, ids=repr)
def test_what_is_no_answer_of_a_passkey_is_refused(world: World, credential: object) -> None:
    asked = world.home.pending()
    body = {"credential": credential}
    answer = world.home.asked.http.post(f"/confirm/{asked}/approve", json=body)
    assert answer.status_code == 422
    assert status_of(world, asked) == "pending"


def test_the_named_approvers_passkey_approves(world: World) -> None:
    """Or nothing above would mean anything."""
    asked, before = world.home.pending(), approvals(world)
    raise_for(world.home.asked.approve(asked))
    assert status_of(world, asked) == "approved"
    assert approvals(world) == int(str(before)) + 1
